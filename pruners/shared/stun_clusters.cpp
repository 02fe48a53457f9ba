#include "pruners/shared/stun_clusters.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "harness/core/error.h"

namespace winnow {

ExpertClustering::ExpertClustering(const at::Tensor& distance) : experts_(static_cast<int>(distance.size(0))) {
  const at::Tensor values = distance.to(at::kFloat).contiguous().cpu();
  distance_.assign(values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel());
  for (int a = 0; a < experts_; ++a) {
    for (int b = 0; b < experts_; ++b) {
      if (a != b) pairs_.emplace_back(a, b);
    }
  }
  std::ranges::stable_sort(pairs_, {}, [&](const auto& pair) { return distance_[pair.first * experts_ + pair.second]; });
}

Clusters ExpertClustering::at_threshold(double threshold) const {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float limit = static_cast<float>(threshold);
  std::vector<float> left = distance_;
  for (int expert = 0; expert < experts_; ++expert) left[expert * experts_ + expert] = kInfinity;
  std::vector<int> cluster_of(experts_);
  std::iota(cluster_of.begin(), cluster_of.end(), 0);
  Clusters members(experts_);
  for (int expert = 0; expert < experts_; ++expert) members[expert] = {expert};
  const auto entry = [&](int row, int column) -> float& { return left[row * experts_ + column]; };

  // Entries only ever become infinite, so the sorted order stays the order of the smallest entry left. Going through all pairs joins at most E − 1 times.
  for (const auto& [a, b] : pairs_) {
    if (!(distance_[a * experts_ + b] < limit)) break;
    if (entry(a, b) == kInfinity) continue;
    const int first = cluster_of[a], second = cluster_of[b];
    float largest = -kInfinity;
    for (const int c : members[first]) largest = std::max(largest, entry(c, b));
    for (const int c : members[second]) largest = std::max(largest, entry(c, a));
    if (!(largest < limit)) {
      entry(a, b) = entry(b, a) = kInfinity;
      continue;
    }
    for (const int c : members[first]) entry(c, b) = kInfinity;
    for (const int c : members[second]) entry(c, a) = kInfinity;
    WINNOW_CHECK(first != second);  // inside a cluster the diagonal, which is infinite, is among the entries tested
    for (const int c : members[second]) cluster_of[c] = first;
    members[first].insert(members[first].end(), members[second].begin(), members[second].end());
    members[second].clear();
  }

  Clusters clusters;
  for (std::vector<int>& cluster : members) {
    if (cluster.empty()) continue;
    std::ranges::sort(cluster);
    clusters.push_back(std::move(cluster));
  }
  std::ranges::sort(clusters);
  return clusters;
}

ThresholdSearch search_threshold(std::int64_t target, const std::function<std::int64_t(double threshold)>& total) {
  ThresholdSearch search;
  double threshold = 0.5, step = 0.1;
  int direction = 0;
  bool has_turned = false;
  while (true) {
    const std::int64_t reached = total(threshold);
    search.trials.emplace_back(threshold, reached);
    search.found = reached == target;
    if (search.found) return search;
    const auto& trials = search.trials;
    if (trials.size() > 10 && std::all_of(trials.end() - 10, trials.end(), [&](const auto& trial) { return trial.second == reached; })) return search;
    const int wanted = reached < target ? -1 : 1;
    has_turned |= direction != 0 && wanted != direction;
    direction = wanted;
    step = has_turned ? step / 2 : step * 2;
    threshold += direction * step;
  }
}

}  // namespace winnow
