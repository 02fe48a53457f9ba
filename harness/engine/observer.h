#pragma once
#include <ATen/core/Tensor.h>

#include <functional>

#include "harness/model/family.h"

namespace winnow {

struct Routing {
  at::Tensor logits;   // [rows, experts present], f32
  at::Tensor experts;  // [rows, k], int64, router order of those present, by falling score
  at::Tensor weights;  // [rows, k], f32: what the outputs are multiplied by; 0 where the expert is skipped
};

// One expert's work in one layer for one batch; called for experts with at least one row only.
struct ExpertCall {
  int layer, expert;      // index among those present
  at::Tensor rows;        // [n], int64, into the batch
  at::Tensor input;       // [n, hidden]
  at::Tensor activation;  // [n, width]: silu(gate x) * up x, the input of down
  at::Tensor output;      // [n, hidden], not multiplied by the gate weight
};

// Input of a linear map that is not an expert's (those are in ExpertCall): attention, router, dense and shared MLPs. One call per map, in the
// order of the forward pass; maps with the same input get the same tensor.
struct LinearInput {
  int layer;
  Role role;
  at::Tensor input;  // [rows, in]
};

// What to call while a batch goes through the layers; an empty function is not called and costs nothing. Tensors are valid during the call.
struct Observer {
  std::function<void(int layer, const at::Tensor& hidden)> layer_input, layer_output;  // residual stream [rows, hidden]
  std::function<void(int layer, const at::Tensor& hidden)> moe_input, moe_output;      // [rows, hidden]; output with the shared expert's part
  std::function<void(int layer, const Routing& routing)> routing;
  std::function<void(const ExpertCall& call)> expert;
  std::function<void(const LinearInput& input)> linear;
};

}  // namespace winnow
