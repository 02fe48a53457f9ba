#include "harness/text/counted_forward.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace winnow {

at::Tensor forward_counted(const Model& model, const PackedBatch& batch, const std::vector<std::int64_t>& wanted_rows, WorkCounters& counters) {
  const auto rows = static_cast<std::int64_t>(batch.tokens.size());
  std::int64_t chosen = 0, skipped = 0;
  Observer observer;
  for (const LayerWeights& layer : model.layers) {
    if (!layer.moe) continue;
    chosen += rows * std::min<std::int64_t>(model.config.router.experts_per_token, static_cast<std::int64_t>(layer.moe->experts.size()));
    if (layer.moe->skip_beta) observer.routing = [&](int, const Routing& routing) { skipped += (routing.weights == 0).sum().item<std::int64_t>(); };
  }
  at::Tensor normed = forward(model, batch, wanted_rows, observer);
  counters.tokens_forwarded += rows;
  counters.expert_evaluations += chosen - skipped;
  counters.expert_evaluations_skipped += skipped;
  return normed;
}

}  // namespace winnow
