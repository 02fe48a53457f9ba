#pragma once
#include <ATen/core/Tensor.h>

#include "harness/engine/model.h"

namespace winnow {

// x [rows, in] → [rows, out]
at::Tensor multiply(const Linear& linear, const at::Tensor& x);

}  // namespace winnow
