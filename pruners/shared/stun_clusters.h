#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace winnow {

using Clusters = std::vector<std::vector<int>>;  // in the order of their first members, each ascending

// STUN's greedy clustering with rejection (2409.06211, merge_weight.py "greedy_but_reject_mixed") of one layer's experts. The order in which pairs
// come up does not depend on the threshold, so it is sorted once for all thresholds of a search.
class ExpertClustering {
 public:
  explicit ExpertClustering(const at::Tensor& distance);  // [E, E], f32; the diagonal is not looked at

  // Smallest pair (a, b) first, row-major on ties: joined if the largest of d(c, b), c with a, and d(c, a), c with b, is below the threshold, else
  // rejected. Comparisons are in f32, as torch compares a f32 tensor with a number.
  Clusters at_threshold(double threshold) const;

 private:
  int experts_;
  std::vector<float> distance_;
  std::vector<std::pair<int, int>> pairs_;  // by rising distance
};

struct ThresholdSearch {
  std::vector<std::pair<double, std::int64_t>> trials;  // [threshold, experts left in all layers]
  bool found = false;                                   // the last trial hit the target
};

// The reference's search: from 0.5, step 0.1, doubled before every move until the direction has changed once, then halved before every move; given up
// when more than ten totals were seen and the last ten are equal.
ThresholdSearch search_threshold(std::int64_t target, const std::function<std::int64_t(double threshold)>& total);

}  // namespace winnow
