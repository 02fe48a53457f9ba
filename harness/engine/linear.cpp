#include "harness/engine/linear.h"

#include <ATen/ATen.h>

#include "harness/engine/kernels/cpu_path.h"
#include "harness/engine/products.h"

namespace winnow {
namespace {

// With AMX, oneDNN's product of many rows is several times as fast as AVX-512 can be.
constexpr std::int64_t kRowsForAmx = 32;

bool by_operators(const at::Tensor& x) {
  const CpuPath path = path_of(x);
  return path == CpuPath::kOperators || (path == CpuPath::kAvx512AndAmx && x.size(0) >= kRowsForAmx);
}

at::Tensor multiply_by_operators(const Linear& linear, const at::Tensor& x) {
  return linear.bias.defined() ? at::linear(x, linear.weight, linear.bias) : at::linear(x, linear.weight);
}

template <class T>
std::vector<at::Tensor> multiply_by_kernels(const std::vector<const Linear*>& linears, const at::Tensor& x) {
  const at::Tensor lines = x.contiguous();
  const std::vector<const T*> rows = row_pointers(lines.const_data_ptr<T>(), lines.size(0), lines.size(1));
  std::vector<at::Tensor> results;
  std::vector<Product<T>> products;
  for (const Linear* linear : linears) {
    results.push_back(at::empty({x.size(0), linear->out_features()}, x.options()));
    products.push_back({linear, rows.data(), x.size(0), results.back().template mutable_data_ptr<T>()});
  }
  run_products(products);
  return results;
}

template <class T>
at::Tensor activate_by_kernels(const GatedMlp& mlp, const at::Tensor& x) {
  const at::Tensor lines = x.contiguous();
  const std::vector<const T*> rows = row_pointers(lines.const_data_ptr<T>(), lines.size(0), lines.size(1));
  at::Tensor result = at::empty({x.size(0), mlp.gate.out_features()}, x.options());
  run_gated_products<T>({{&mlp, rows.data(), x.size(0), result.mutable_data_ptr<T>()}});
  return result;
}

}  // namespace

at::Tensor multiply(const Linear& linear, const at::Tensor& x) { return multiply_all({&linear}, x)[0]; }

std::vector<at::Tensor> multiply_all(const std::vector<const Linear*>& linears, const at::Tensor& x) {
  if (!by_operators(x)) return x.scalar_type() == at::kFloat ? multiply_by_kernels<float>(linears, x) : multiply_by_kernels<at::BFloat16>(linears, x);
  std::vector<at::Tensor> results;
  for (const Linear* linear : linears) results.push_back(multiply_by_operators(*linear, x));
  return results;
}

at::Tensor activate(const GatedMlp& mlp, const at::Tensor& x) {
  if (by_operators(x)) return at::silu(multiply_by_operators(mlp.gate, x)) * multiply_by_operators(mlp.up, x);
  return x.scalar_type() == at::kFloat ? activate_by_kernels<float>(mlp, x) : activate_by_kernels<at::BFloat16>(mlp, x);
}

}  // namespace winnow
