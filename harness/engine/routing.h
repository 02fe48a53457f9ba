#pragma once
#include <ATen/core/Tensor.h>

#include "harness/engine/model.h"
#include "harness/engine/observer.h"

namespace winnow {

// input · weightᵀ in f32 whatever the input's dtype: [rows, hidden] with f32 [n, hidden] → [rows, n], f32.
at::Tensor multiply_wide(const at::Tensor& input, const at::Tensor& weight);

// Softmax over the experts present, the best min(k, present) of each row (ties: lower index first), renormalised where the family says so,
// experts skipped by skip_beta with weight 0. input [rows, hidden].
Routing route(const RouterConfig& config, const MoeWeights& moe, const at::Tensor& input);

}  // namespace winnow
