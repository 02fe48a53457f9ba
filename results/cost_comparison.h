#pragma once
#include <span>
#include <string>
#include <vector>

#include "results/comparison.h"

namespace winnow {

// Trials of one task on both sides, draw by draw. No first: the task measures the second against the unpruned model itself (divergence).
struct CostPair {
  const Trial* first;
  const Trial* second;
};

// What of the trials' metrics is compared.
enum class CostKind {
  kBeside,       // memory, speed and the like, measured beside the answers of every task
  kMeasurement,  // everything a measuring task found, of each of its parts (batch_8) but not of their layers
};

// Pure. The median ratio over the pairs and its range. What was repeated within a trial (NAME with NAME_low and NAME_high beside it) brings its own range: that of the
// ratios to the unpruned model, repeat by repeat, where both were measured together; otherwise from the extremes of both.
std::vector<CostComparison> compare_costs(std::span<const CostPair> pairs, CostKind kind = CostKind::kBeside);

// Whether the metric is a cost rather than a score or a count of examples.
bool is_cost(const Metric& metric);

}  // namespace winnow
