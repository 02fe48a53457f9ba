#include "results/cost_comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/statistics.h"
#include "results/leaderboard.h"

namespace winnow {
namespace {

constexpr std::string_view kRate = "_tokens_per_second";

// A metric and the part of a task it is of.
using Name = std::pair<std::string, std::string>;

// The headline of `speed` is that of a part, which its filter names.
const std::string& part_of(const Metric& metric) { return metric.leaf.empty() && metric.filter.starts_with("batch_") ? metric.filter : metric.leaf; }

Interval range_of(const Trial& trial, const Metric& metric) {
  const Metric* low = find_metric(trial, metric.name + "_low", part_of(metric));
  const Metric* high = find_metric(trial, metric.name + "_high", part_of(metric));
  if (low == nullptr || high == nullptr) return {metric.value, metric.value};
  return {low->value, high->value};
}

// Ratios to the unpruned model that were measured in turns with it.
struct InTurns {
  double ratio;
  Interval range;
};
std::optional<InTurns> ratio_in_turns(const CostPair& pair, const Metric& metric) {
  const Json& steps = member_in(pair.first->cell.identity, "steps");
  if (steps != Json::array() || !metric.name.ends_with(kRate)) return std::nullopt;
  const std::string name = metric.name.substr(0, metric.name.size() - kRate.size()) + "_speed_ratio";
  const Metric* ratio = find_metric(*pair.second, name, part_of(metric));
  if (ratio == nullptr) return std::nullopt;
  return InTurns{ratio->value, range_of(*pair.second, *ratio)};
}

bool is_bound(const std::string& name) { return name.ends_with("_low") || name.ends_with("_high") || name.ends_with("_speed_ratio"); }

std::vector<Name> names_in(std::span<const CostPair> pairs, CostKind kind) {
  std::vector<Name> names;
  for (const CostPair& pair : pairs) {
    for (const Metric& metric : pair.second->metrics) {
      const bool is_wanted = kind == CostKind::kBeside ? is_cost(metric) && metric.leaf.empty() : metric.parent.empty();
      const Name name{metric.name, metric.leaf};
      if (is_wanted && !is_bound(metric.name) && std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

CostComparison compare_cost(std::span<const CostPair> pairs, const Name& name) {
  CostComparison result{
      .name = name.first, .part = name.second, .low = std::numeric_limits<double>::infinity(), .high = -std::numeric_limits<double>::infinity()};
  std::vector<double> before, after, ratios;
  bool has_repeats = false;
  for (const CostPair& pair : pairs) {
    const Metric* first = pair.first == nullptr ? nullptr : find_metric(*pair.first, name.first, name.second);
    const Metric* second = find_metric(*pair.second, name.first, name.second);
    if (second == nullptr) continue;
    result.unit = second->unit;
    result.higher_is_better = second->higher_is_better;
    result.second_error = second->standard_error;
    after.push_back(second->value);
    if (first == nullptr) continue;
    before.push_back(first->value);
    if (first->value == 0) continue;
    const std::optional<InTurns> in_turns = ratio_in_turns(pair, *second);
    const Interval of_first = range_of(*pair.first, *first), of_second = range_of(*pair.second, *second);
    const Interval range = in_turns ? in_turns->range : Interval{of_second.low / of_first.high, of_second.high / of_first.low};
    ratios.push_back(in_turns ? in_turns->ratio : second->value / first->value);
    result.low = std::min(result.low, range.low);
    result.high = std::max(result.high, range.high);
    has_repeats = has_repeats || in_turns || of_first.low != of_first.high || of_second.low != of_second.high;
  }
  result.first = median(before);
  result.second = median(after);
  result.ratio = median(ratios);
  result.measurements = ratios.size();
  if (ratios.empty()) result.low = result.high = kNoNumber;
  result.spread_from = has_repeats ? "repeats" : ratios.size() > 1 ? "trials" : "";
  return result;
}

}  // namespace

bool is_cost(const Metric& metric) {
  constexpr std::array kScores{"share", "perplexity", "bits", "examples"};
  return std::ranges::find(kScores, metric.unit) == kScores.end();
}

std::vector<CostComparison> compare_costs(std::span<const CostPair> pairs, CostKind kind) {
  std::vector<CostComparison> costs;
  for (const Name& name : names_in(pairs, kind)) costs.push_back(compare_cost(pairs, name));
  return costs;
}

}  // namespace winnow
