#include "results/cost_comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "harness/core/statistics.h"

namespace winnow {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

const Metric* metric_named(const Trial& trial, const std::string& name) {
  const auto found = std::ranges::find_if(trial.metrics, [&](const Metric& metric) { return metric.leaf.empty() && metric.name == name; });
  return found == trial.metrics.end() ? nullptr : &*found;
}

Interval range_of(const Trial& trial, const Metric& metric) {
  const Metric* low = metric_named(trial, metric.name + "_low");
  const Metric* high = metric_named(trial, metric.name + "_high");
  if (low == nullptr || high == nullptr) return {metric.value, metric.value};
  return {low->value, high->value};
}

bool is_bound(const std::string& name) { return name.ends_with("_low") || name.ends_with("_high"); }

std::vector<std::string> names_in(std::span<const CostPair> pairs) {
  std::vector<std::string> names;
  for (const CostPair& pair : pairs) {
    for (const Metric& metric : pair.second->metrics) {
      if (is_cost(metric) && metric.leaf.empty() && !is_bound(metric.name) && std::ranges::find(names, metric.name) == names.end())
        names.push_back(metric.name);
    }
  }
  return names;
}

CostComparison compare_cost(std::span<const CostPair> pairs, const std::string& name) {
  CostComparison result{.name = name, .low = std::numeric_limits<double>::infinity(), .high = -std::numeric_limits<double>::infinity()};
  std::vector<double> before, after, ratios;
  bool has_repeats = false;
  for (const CostPair& pair : pairs) {
    const Metric* first = metric_named(*pair.first, name);
    const Metric* second = metric_named(*pair.second, name);
    if (second == nullptr) continue;
    result.unit = second->unit;
    result.higher_is_better = second->higher_is_better;
    after.push_back(second->value);
    if (first == nullptr) continue;
    before.push_back(first->value);
    if (first->value == 0) continue;
    const Interval of_first = range_of(*pair.first, *first), of_second = range_of(*pair.second, *second);
    ratios.push_back(second->value / first->value);
    result.low = std::min(result.low, of_second.low / of_first.high);
    result.high = std::max(result.high, of_second.high / of_first.low);
    has_repeats = has_repeats || of_first.low != of_first.high || of_second.low != of_second.high;
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

std::vector<CostComparison> compare_costs(std::span<const CostPair> pairs) {
  std::vector<CostComparison> costs;
  for (const std::string& name : names_in(pairs)) costs.push_back(compare_cost(pairs, name));
  return costs;
}

}  // namespace winnow
