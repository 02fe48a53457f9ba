#pragma once
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "results/comparison.h"

namespace winnow {

// Trials of one task on both sides, draw by draw.
struct CostPair {
  const Trial* first;
  const Trial* second;
};

// Pure. Memory, speed and the like, measured with every trial: the median ratio over the pairs and its range. A metric that was repeated within a trial
// (NAME with NAME_low and NAME_high beside it) brings its own range.
std::vector<CostComparison> compare_costs(std::span<const CostPair> pairs);

// Whether the metric is a cost rather than a score or a count of examples.
bool is_cost(const Metric& metric);

}  // namespace winnow
