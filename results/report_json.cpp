#include "harness/core/json.h"
#include "results/report.h"
#include "results/stored_values.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

OrderedJson metric_json(const Metric& metric) {
  OrderedJson object{{"name", metric.name}, {"filter", metric.filter}, {"value", json_number(metric.value)}};
  object["stderr"] = metric.standard_error ? json_number(*metric.standard_error) : OrderedJson(nullptr);
  object["unit"] = metric.unit;
  object["higher_is_better"] = metric.higher_is_better;
  object["n"] = metric.count;
  if (!metric.leaf.empty()) object["leaf"] = metric.leaf;
  if (!metric.parent.empty()) object["parent"] = metric.parent;
  return object;
}

OrderedJson trial_json(const Trial& trial) {
  const Caveats caveats = caveats_of(trial);
  OrderedJson object{{"cell_key", trial.cell.key},
                     {"model", trial.cell.model},
                     {"variant", trial.cell.variant},
                     {"task", trial.cell.task},
                     {"task_label", trial.cell.task_label}};
  object["sweep"] = trial.sweep;
  object["status"] = status_name(trial.status);
  object["reason"] = trial.reason;
  object["started_at"] = trial.started_at;
  object["seconds"] = OrderedJson::object();
  for (const auto& [phase, seconds] : trial.seconds) object["seconds"][phase] = json_number(seconds);
  object["metrics"] = OrderedJson::array();
  for (const Metric& metric : trial.metrics) object["metrics"].push_back(metric_json(metric));
  object["caveats"] = {{"ties", caveats.ties},
                       {"prompts_truncated", caveats.prompts_truncated},
                       {"replies_truncated", caveats.replies_truncated},
                       {"unverified_data", caveats.unverified_data},
                       {"stopped_early", caveats.stopped_early},
                       {"zeros_in_dense_kernels", caveats.zeros_in_dense_kernels}};
  if (!caveats.served_by.empty()) object["caveats"]["served_by"] = caveats.served_by;
  object["identity"] = trial.cell.identity;
  object["environment"] = trial.environment;
  return object;
}

OrderedJson row_json(const Leaderboard& board, const LeaderboardRow& row) {
  OrderedJson object{{"model", row.model}, {"variant", row.variant}};
  object["mean_rank"] = row.mean_rank ? OrderedJson(*row.mean_rank) : OrderedJson(nullptr);
  object["scores"] = OrderedJson::object();
  for (std::size_t task = 0; task < row.cells.size(); ++task) {
    const LeaderboardCell& cell = row.cells[task];
    if (!cell.headline) continue;
    OrderedJson& score = object["scores"][board.tasks[task]] = metric_json(*cell.headline);
    if (const auto& change = cell.difference) {
      score["from_whole"] = {{change->is_ratio ? "ratio" : "difference", json_number(change->value)},
                             {"interval", {json_number(change->interval.low), json_number(change->interval.high)}}};
    }
  }
  object["costs"] = OrderedJson::object();
  for (std::size_t cost = 0; cost < row.costs.size(); ++cost) {
    if (row.costs[cost]) object["costs"][board.costs[cost]] = metric_json(*row.costs[cost]);
  }
  return object;
}

}  // namespace

std::string report_json(const Leaderboard& board) {
  OrderedJson report;
  report["tasks"] = board.tasks;
  report["rows"] = OrderedJson::array();
  for (const LeaderboardRow& row : board.rows) report["rows"].push_back(row_json(board, row));
  report["hidden_trials"] = board.hidden_trials;
  report["trials"] = OrderedJson::array();
  for (const Trial& trial : board.trials) report["trials"].push_back(trial_json(trial));
  return json_text(report);
}

}  // namespace winnow
