#pragma once
#include <ATen/core/Tensor.h>

#include "harness/engine/model.h"
#include "harness/engine/observer.h"

namespace winnow {

// Σ over the chosen experts of weight · expert(row), by kernels of our own: three parallel regions for a group of experts, however many there are.
// `shared` [rows, hidden], may be undefined, is added times `shared_gate` [rows] f32 (1 where undefined). Result [rows, hidden].
at::Tensor run_experts_by_kernels(const MoeWeights& moe, int layer, const at::Tensor& input, const Routing& routing, const at::Tensor& shared,
                                  const at::Tensor& shared_gate, const Observer& observer);

}  // namespace winnow
