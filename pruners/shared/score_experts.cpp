#include "pruners/shared/score_experts.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace winnow {

namespace {

// Experts of a layer that the variant's patterns keep whatever their score.
std::vector<bool> experts_left_out(const PruneInputs& inputs, int layer, std::size_t experts) {
  std::vector<bool> left_out(experts);
  for (const TensorSpec& tensor : inputs.tensors) {
    if (inputs.is_left_out && tensor.layer == layer && tensor.role == Role::kExpertGate) left_out[tensor.expert] = inputs.is_left_out(tensor);
  }
  return left_out;
}

}  // namespace

PrunePlan keep_highest(const std::string& pruner, const PruneInputs& inputs, const ExpertCount& count, const CalibrationStats& stats,
                       const std::function<at::Tensor(const LayerStats& layer)>& score) {
  PrunePlan plan;
  for (int layer = 0; layer < std::ssize(inputs.config.layers); ++layer) {
    const LayerConfig& of_model = inputs.config.layers[layer];
    if (of_model.mlp != LayerConfig::Mlp::kMoe) continue;
    const at::Tensor values = score(stats.layers.at(layer)).to(at::kDouble).contiguous();
    LayerPlan decided{.layer = layer, .scores = {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()}};
    for (std::size_t expert = 0; expert < decided.scores.size(); ++expert) {
      if (!std::isfinite(decided.scores[expert])) {
        throw input_error("{}: the score of expert {} in layer {} is not finite; the checkpoint is damaged there, or dtype f32 is needed", pruner, expert,
                          layer);
      }
    }
    std::vector<int> order(decided.scores.size());
    std::iota(order.begin(), order.end(), 0);
    const std::vector<bool> left_out = experts_left_out(inputs, layer, decided.scores.size());
    std::ranges::stable_sort(order, {}, [&](int expert) { return std::pair(static_cast<bool>(left_out[expert]), decided.scores[expert]); });
    decided.kept.assign(order.end() - count.kept_of(of_model.experts), order.end());
    std::ranges::sort(decided.kept);
    plan.layers.push_back(std::move(decided));
  }
  return plan;
}

at::Tensor mean_over_chosen(const at::Tensor& sums, const LayerStats& layer) { return sums / layer.count.to(at::kDouble).clamp_min(1); }

}  // namespace winnow
