#include "results/board.h"

#include <algorithm>
#include <cmath>

#include "harness/core/error.h"
#include "results/compare_stores.h"

namespace winnow {
namespace {

// Labels of variants without any step.
std::set<std::string> whole_variants(const Leaderboard& board) {
  std::set<std::string> whole;
  for (const Trial& trial : board.trials) {
    const Json& identity = trial.cell.identity;
    if (identity.is_object() && identity.contains("steps") && identity["steps"].is_array() && identity["steps"].empty()) whole.insert(trial.cell.variant);
  }
  return whole;
}

// Only where the comparison is of the trial that the board shows: a store may hold others under the same labels.
bool is_of(const ScoreComparison& score, const Metric& headline) {
  return score.metric.name == headline.name && score.metric.filter == headline.filter &&
         std::abs(score.second - headline.value) <= 1e-9 * std::abs(headline.value);
}

void add_difference(Leaderboard& board, const ScoreComparison& score) {
  for (LeaderboardRow& row : board.rows) {
    if (row.model != score.model || row.variant != score.second_label) continue;
    for (std::size_t task = 0; task < row.cells.size(); ++task) {
      LeaderboardCell& cell = row.cells[task];
      if (board.tasks[task] != score.task_label || !cell.headline || !is_of(score, *cell.headline)) continue;
      const Interval& interval = score.difference.interval;
      if (score.kind == Grade::Kind::kPerplexity) {
        cell.difference = {.value = std::exp(score.difference.difference), .interval = {std::exp(interval.low), std::exp(interval.high)}, .is_ratio = true};
      } else {
        cell.difference = {.value = score.difference.difference, .interval = interval, .is_ratio = false};
      }
      board.has_differences = true;
    }
  }
}

}  // namespace

Leaderboard board_of(std::span<Store> stores, const std::set<std::string>& keys) {
  std::vector<Trial> trials;
  for (StoredTrial& stored : latest_of(stores)) {
    if (keys.empty() || keys.contains(stored.trial.cell.key)) trials.push_back(std::move(stored.trial));
  }
  Leaderboard board = rank(std::move(trials));
  for (const std::string& variant : whole_variants(board)) {
    if (std::ranges::all_of(board.rows, [&](const LeaderboardRow& row) { return row.variant == variant; })) continue;
    try {
      const ComparisonReport report = compare_stores(stores, {.first = variant, .second = "all", .settings = {.replicates = 0}});
      for (const ScoreComparison& score : report.scores) add_difference(board, score);
    } catch (const Error&) {
      // A store of whole models alone, or trials that were not asked the same: there is no difference to show, and `winnow compare` says why.
    }
  }
  return board;
}

}  // namespace winnow
