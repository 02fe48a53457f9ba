#include "results/gate_costs.h"

#include <algorithm>

#include "harness/core/error.h"
#include "results/gate_names.h"
#include "results/leaderboard.h"

namespace winnow {

std::optional<Metric> joined_cost(std::vector<Trial> trials, const std::string& name) {
  for (Trial& trial : trials) {
    trial.cell.model = trial.cell.variant = "";
    trial.status = TrialStatus::kOk;
  }
  std::optional<Metric> first;
  for (const Trial& trial : trials) {
    const Metric* metric = find_metric(trial, name);
    if (!first && metric != nullptr) first = *metric;
  }
  const Leaderboard board = rank(std::move(trials));
  const auto cost = std::ranges::find(board.costs, name);
  if (cost == board.costs.end() || board.rows.size() != 1) return first;
  return board.rows.front().costs[static_cast<std::size_t>(cost - board.costs.begin())];
}

Judged judge_cost_pairs(std::span<const CostPair> pairs, const std::string& name, const Bounds& bounds) {
  for (const CostComparison& cost : compare_costs(pairs)) {  // those of whole tasks alone: the parts of a measurement have their own names
    if (cost.name != name || cost.measurements == 0) continue;
    const std::string how = cost.spread_from.empty()
                                ? "one pair of measurements: their spread is not known"
                                : fmt::format("median ratio of {} pairs of trials with its range over {}", cost.measurements, cost.spread_from);
    return judge_range(cost.ratio, {cost.low, cost.high}, bounds, how);
  }
  throw Missing{fmt::format("'{}' was measured in no task of both", name)};
}

}  // namespace winnow
