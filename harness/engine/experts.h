#pragma once
#include <ATen/core/Tensor.h>

#include "harness/engine/model.h"
#include "harness/engine/observer.h"

namespace winnow {

// down(silu(gate x) * up x), [rows, hidden] → the same.
at::Tensor run_mlp(const GatedMlp& mlp, const at::Tensor& input);

// Routes every row, runs the experts somebody chose on the rows gathered for them, adds the shared expert; [rows, hidden] → the same.
at::Tensor run_moe(const RouterConfig& config, const MoeWeights& moe, int layer, const at::Tensor& input, const Observer& observer);

}  // namespace winnow
