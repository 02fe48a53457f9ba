#include "harness/engine/norm.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "harness/engine/device_path.h"
#include "harness/engine/kernels/cpu_path.h"
#include "harness/engine/kernels/rows.h"
#include "harness/engine/parallel.h"

namespace winnow {
namespace {

// Rows are cheap: a range of them is worth a task of its own only from some ten thousand values on.
std::int64_t rows_of_range(const at::Tensor& x) { return std::max<std::int64_t>(1, (1 << 16) / x.size(1)); }

template <class T>
at::Tensor norm_by_kernels(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  at::Tensor out = at::empty(x.sizes(), x.options());
  const T* from = x.const_data_ptr<T>();
  const T* scale = weight.const_data_ptr<T>();
  T* to = out.mutable_data_ptr<T>();
  const std::int64_t size = x.size(1);
  run_ranges(x.size(0), rows_of_range(x), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) norm_row(from + row * size, scale, size, static_cast<float>(epsilon), to + row * size);
  });
  return out;
}

template <class T>
at::Tensor add_by_kernels(const at::Tensor& a, const at::Tensor& b) {
  at::Tensor out = at::empty(a.sizes(), a.options());
  const T* first_term = a.const_data_ptr<T>();
  const T* second_term = b.const_data_ptr<T>();
  T* to = out.mutable_data_ptr<T>();
  const std::int64_t size = a.size(1);
  run_ranges(a.size(0), rows_of_range(a), [&](std::int64_t first, std::int64_t last) {
    add_row(first_term + first * size, second_term + first * size, (last - first) * size, to + first * size);
  });
  return out;
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  if (path_of(x) != CpuPath::kOperators) {
    return x.scalar_type() == at::kFloat ? norm_by_kernels<float>(x.contiguous(), weight, epsilon)
                                         : norm_by_kernels<at::BFloat16>(x.contiguous(), weight, epsilon);
  }
  if (takes_device_path(x)) return at::rms_norm(x, {x.size(1)}, weight, epsilon);
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor scale = (wide.square().mean(-1, /*keepdim=*/true) + epsilon).rsqrt();
  return weight * (wide * scale).to(x.scalar_type());
}

at::Tensor add_rows(const at::Tensor& a, const at::Tensor& b) {
  if (path_of(a) == CpuPath::kOperators) return a + b;
  return a.scalar_type() == at::kFloat ? add_by_kernels<float>(a.contiguous(), b.contiguous()) : add_by_kernels<at::BFloat16>(a.contiguous(), b.contiguous());
}

}  // namespace winnow
