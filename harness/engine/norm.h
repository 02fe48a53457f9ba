#pragma once
#include <ATen/core/Tensor.h>

namespace winnow {

// x · rsqrt(mean(x²) + epsilon) in f32, rounded to x's dtype, then times weight; x [rows, hidden] → the same.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

// a + b, both [rows, hidden].
at::Tensor add_rows(const at::Tensor& a, const at::Tensor& b);

}  // namespace winnow
