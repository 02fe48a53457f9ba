#include "results/leaderboard.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "harness/core/json.h"
#include "results/measurement_tables.h"
#include "results/stored_values.h"

namespace winnow {
namespace {

enum class Joining { kLargest, kSum, kWeightedByPhase, kSize };
struct Cost {
  const char* name;
  Joining joining;
  const char* phase = "";
};
constexpr std::array kCosts{
    Cost{"peak_bytes", Joining::kLargest},
    Cost{"device_peak_bytes", Joining::kLargest},
    Cost{"prefill_tokens_per_second", Joining::kWeightedByPhase, "prefill"},
    Cost{"decode_tokens_per_second", Joining::kWeightedByPhase, "decode"},
    Cost{"tokens_forwarded", Joining::kSum},
    Cost{"experts_kept", Joining::kSize},
    Cost{"realised_sparsity", Joining::kSize},
    Cost{"stored_bytes", Joining::kSize},
};

double phase_seconds(const Trial& trial, const char* phase) {
  const auto found = trial.seconds.find(phase);
  return found == trial.seconds.end() ? 0 : found->second;
}

std::optional<Metric> join_cost(const Cost& cost, const LeaderboardRow& row, const std::vector<Trial>& trials) {
  if (cost.joining == Joining::kSize) {
    if (const Metric* measured = measured_size(trials, row.model, row.variant, cost.name)) return *measured;
  }
  std::optional<Metric> joined;
  double weight = 0;
  for (const LeaderboardCell& cell : row.cells) {
    const Metric* metric = cell.trial ? find_metric(trials[*cell.trial], cost.name) : nullptr;
    if (metric == nullptr) continue;
    const double seconds = phase_seconds(trials[*cell.trial], cost.phase);
    if (!joined) {
      joined = *metric;
      weight = seconds;
      continue;
    }
    switch (cost.joining) {
      case Joining::kLargest: joined->value = std::max(joined->value, metric->value); break;
      case Joining::kSum: joined->value += metric->value; break;
      case Joining::kSize: joined->value = metric->value; break;
      case Joining::kWeightedByPhase:
        if (weight + seconds > 0) joined->value = (joined->value * weight + metric->value * seconds) / (weight + seconds);
        weight += seconds;
        break;
    }
  }
  return joined;
}

std::size_t index_of(std::vector<std::string>& names, const std::string& name) {
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  names.push_back(name);
  return names.size() - 1;
}

LeaderboardRow& row_of(Leaderboard& board, const Cell& cell) {
  const auto found = std::ranges::find_if(board.rows, [&](const LeaderboardRow& row) { return row.model == cell.model && row.variant == cell.variant; });
  if (found != board.rows.end()) return *found;
  board.rows.push_back({cell.model, cell.variant, {}, {}, {}});
  return board.rows.back();
}

// A cell run under other settings or another version may carry the same labels: the newer is shown, a good one before any other.
void place(Leaderboard& board, LeaderboardCell& cell, std::size_t index) {
  const Trial& trial = board.trials[index];
  if (cell.trial) {
    ++board.hidden_trials;
    if (cell.headline && trial.status != TrialStatus::kOk) return;
  }
  cell.trial = index;
  cell.headline.reset();
  if (trial.status == TrialStatus::kOk && !trial.metrics.empty()) cell.headline = trial.metrics.front();
}

// 1 for the best; rows of equal value share the mean of their ranks.
double rank_in_task(const Leaderboard& board, std::size_t task, const Metric& metric) {
  double better = 0, equal = 0;
  for (const LeaderboardRow& row : board.rows) {
    const auto& other = row.cells[task].headline;
    if (!other || std::isnan(other->value)) continue;
    better += metric.higher_is_better ? other->value > metric.value : other->value < metric.value;
    equal += other->value == metric.value;
  }
  return 1 + better + (equal - 1) / 2;
}

std::optional<double> mean_rank(const Leaderboard& board, const LeaderboardRow& row) {
  double sum = 0, count = 0;
  for (std::size_t task = 0; task < row.cells.size(); ++task) {
    const auto& headline = row.cells[task].headline;
    if (!headline || std::isnan(headline->value)) continue;
    sum += rank_in_task(board, task, *headline);
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

void add_costs(Leaderboard& board) {
  for (const Cost& cost : kCosts) {
    const bool is_known =
        std::ranges::any_of(board.trials, [&](const Trial& trial) { return !is_measurement(trial) && find_metric(trial, cost.name) != nullptr; });
    if (!is_known) continue;
    board.costs.push_back(cost.name);
    for (LeaderboardRow& row : board.rows) row.costs.push_back(join_cost(cost, row, board.trials));
  }
}

std::vector<std::string> ignored_settings(const Trial& trial) {
  const Json& of_model = member_in(object_in(trial.environment, "generation_settings_ignored"), trial.cell.model);
  std::vector<std::string> settings;
  for (const Json& setting : of_model) {
    if (setting.is_string()) settings.push_back(setting);
  }
  return settings;
}

}  // namespace

const Metric* find_metric(const Trial& trial, std::string_view name, std::string_view leaf) {
  const auto found = std::ranges::find_if(trial.metrics, [&](const Metric& metric) { return metric.name == name && metric.leaf == leaf; });
  return found == trial.metrics.end() ? nullptr : &*found;
}

const Metric* measured_size(std::span<const Trial> trials, std::string_view model, std::string_view variant, std::string_view name) {
  const Metric* newest = nullptr;
  for (const Trial& trial : trials) {
    if (trial.cell.model != model || trial.cell.variant != variant || trial.status != TrialStatus::kOk || !is_measurement(trial)) continue;
    if (const Metric* metric = find_metric(trial, name)) newest = metric;
  }
  return newest;
}

Leaderboard rank(std::vector<Trial> trials) {
  Leaderboard board;
  board.trials = std::move(trials);
  for (const Trial& trial : board.trials) {
    if (!is_measurement(trial)) index_of(board.tasks, trial.cell.task_label);
  }
  for (std::size_t index = 0; index < board.trials.size(); ++index) {
    if (is_measurement(board.trials[index])) continue;
    const Cell& cell = board.trials[index].cell;
    LeaderboardRow& row = row_of(board, cell);
    row.cells.resize(board.tasks.size());
    place(board, row.cells[index_of(board.tasks, cell.task_label)], index);
  }
  add_costs(board);
  for (LeaderboardRow& row : board.rows) row.mean_rank = mean_rank(board, row);
  std::ranges::stable_sort(board.rows, {}, [](const LeaderboardRow& row) { return row.mean_rank.value_or(std::numeric_limits<double>::infinity()); });
  return board;
}

Caveats caveats_of(const Trial& trial) {
  const auto count = [&](const char* name) {
    const Metric* metric = find_metric(trial, name);
    return metric == nullptr ? 0 : static_cast<std::int64_t>(metric->value);
  };
  Caveats caveats{count("ties"), count("prompts_truncated"), count("replies_truncated"), false, false, count("masked_matrices") > 0};
  caveats.stopped_early = !trial.metrics.empty() && count("examples_in_task") > trial.metrics.front().count;
  if (is_served(trial.cell)) {
    const Json& served = trial.cell.identity["model"]["served"];
    const auto part = [&](const char* key) {
      return served.is_object() && served.contains(key) && served[key].is_string() ? served[key].get<std::string>() : "";
    };
    caveats.served_by = part("server").empty() ? "an unnamed server" : part("server");
    if (!part("version").empty()) caveats.served_by += " " + part("version");
    if (!part("endpoint").empty()) caveats.served_by += " at " + part("endpoint");
  }
  const Json& data = member_in(object_in(trial.cell.identity, "task"), "data");
  for (const Json& part : data) {
    // A set of several files carries the editions of all of them.
    if (part.is_object() && part.contains("edition") && part["edition"].is_string()) {
      caveats.unverified_data = caveats.unverified_data || part["edition"].get<std::string>().find("unverified") != std::string::npos;
    }
  }
  if (find_metric(trial, "replies_truncated") != nullptr) caveats.generation_settings_ignored = ignored_settings(trial);
  return caveats;
}

}  // namespace winnow
