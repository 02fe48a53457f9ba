#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "harness/engine/model.h"

namespace winnow {

// x [rows, in] → [rows, out]
at::Tensor multiply(const Linear& linear, const at::Tensor& x);

// The same with several matrices, in one parallel region where the kernels are our own.
std::vector<at::Tensor> multiply_all(const std::vector<const Linear*>& linears, const at::Tensor& x);

// silu(gate x) * up x, [rows, hidden] → [rows, width]
at::Tensor activate(const GatedMlp& mlp, const at::Tensor& x);

}  // namespace winnow
