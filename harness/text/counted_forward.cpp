#include "harness/text/counted_forward.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace winnow {

at::Tensor forward_counted(const Model& model, const PackedBatch& batch, const std::vector<std::int64_t>& wanted_rows, WorkCounters& counters) {
  const auto rows = static_cast<std::int64_t>(batch.tokens.size());
  std::int64_t chosen = 0;
  at::Tensor skipped = at::zeros({}, at::TensorOptions(model.device).dtype(at::kLong));  // there, so that the host need not wait in every layer
  Observer observer;
  for (const LayerWeights& layer : model.layers) {
    if (!layer.moe) continue;
    chosen += rows * std::min<std::int64_t>(model.config.router.experts_per_token, static_cast<std::int64_t>(layer.moe->experts.size()));
    if (layer.moe->skip_beta) observer.routing = [&](int, const Routing& routing) { skipped += (routing.weights == 0).sum(); };
  }
  at::Tensor normed = forward(model, batch, wanted_rows, observer);
  counters.tokens_forwarded += rows;
  const std::int64_t not_evaluated = observer.routing ? skipped.item<std::int64_t>() : 0;
  counters.expert_evaluations += chosen - not_evaluated;
  counters.expert_evaluations_skipped += not_evaluated;
  return normed;
}

}  // namespace winnow
