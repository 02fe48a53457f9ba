#include "harness/text/counted_forward.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace winnow {

ExpertCount::ExpertCount(const Model& model, const PackedBatch& batch) {
  for (const LayerWeights& layer : model.layers) {
    if (!layer.moe) continue;
    chosen += batch.rows() * std::min<std::int64_t>(model.config.router.experts_per_token, static_cast<std::int64_t>(layer.moe->experts.size()));
    if (layer.moe->skip_beta && !skipped.defined()) skipped = at::zeros({}, at::TensorOptions(model.device).dtype(at::kLong));
  }
  // A sum on the device, so that the host need not wait in every layer.
  if (skipped.defined()) observer.routing = [sum = skipped](int, const Routing& routing) { sum.add_((routing.weights == 0).sum()); };
}

void ExpertCount::add_to(WorkCounters& counters, const at::Tensor& skipped_on_host) const {
  const std::int64_t not_evaluated = skipped_on_host.defined() ? skipped_on_host.item().toLong() : 0;
  counters.expert_evaluations += chosen - not_evaluated;
  counters.expert_evaluations_skipped += not_evaluated;
}

at::Tensor forward_counted(const Model& model, const PackedBatch& batch, const std::vector<std::int64_t>& wanted_rows, WorkCounters& counters) {
  const ExpertCount experts(model, batch);
  at::Tensor normed = forward(model, batch, wanted_rows, experts.observer);
  counters.tokens_forwarded += batch.rows();
  experts.add_to(counters, experts.skipped.defined() ? experts.skipped.cpu() : at::Tensor());
  return normed;
}

CountedStep::CountedStep(const Model& model, const PackedBatch& batch, WorkCounters& counters)
    : counters_(counters), experts_(model, batch), step_(model, batch, experts_.observer) {
  counters.tokens_forwarded += batch.rows();
  if (experts_.skipped.defined()) skipped_.emplace(experts_.skipped);
}

std::vector<std::int32_t> CountedStep::read(const std::vector<std::int64_t>& rows) {
  std::vector<std::int32_t> tokens = step_.read(rows);
  experts_.add_to(counters_, skipped_ ? skipped_->read() : at::Tensor());
  return tokens;
}

}  // namespace winnow
