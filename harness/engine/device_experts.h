#pragma once
#include <ATen/core/Tensor.h>

#include "harness/engine/model.h"
#include "harness/engine/observer.h"

namespace winnow {

// Whether grouped products take experts of this size: rows of gate, up and down must be multiples of 16 bytes.
bool fits_grouped_products(std::int64_t hidden, std::int64_t width, std::int64_t bytes_per_value);

// Whether run_experts_stacked can: the experts lie in one stack, in sizes that grouped products take. Bitmaps and streamed experts have no other way.
bool can_run_stacked(const MoeWeights& moe, const at::Tensor& input, const Observer& observer);

// As run_experts_by_kernels of expert_kernels.h, by two grouped products over all experts: rows are sorted by expert, multiplied and put back on the
// device. The host waits for nothing unless experts are observed.
at::Tensor run_experts_stacked(const MoeWeights& moe, int layer, const at::Tensor& input, const Routing& routing, const at::Tensor& shared,
                               const at::Tensor& shared_gate, const Observer& observer);

}  // namespace winnow
