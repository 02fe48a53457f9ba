#include "harness/engine/routing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "harness/engine/device_path.h"
#include "harness/engine/kernels/cpu_path.h"
#include "harness/engine/kernels/product.h"
#include "harness/engine/kernels/rows.h"
#include "harness/engine/parallel.h"
#include "harness/engine/products.h"

namespace winnow {
namespace {

// Lu et al. 2024, §3.3, for any k: the first i experts stay, i the smallest with Σ_{m>i} w < β · Σ_{m≤i} w. weights [k], falling.
void skip_small(float* weights, std::int64_t k, double beta) {
  double total = 0, kept = 0;
  for (std::int64_t place = 0; place < k; ++place) total += weights[place];
  for (std::int64_t place = 0; place < k; ++place) {
    kept += weights[place];
    if (total - kept < beta * kept) {
      std::fill(weights + place + 1, weights + k, 0.0f);
      return;
    }
  }
}

void soften(const float* logits, std::int64_t count, float* probabilities) {
  const float largest = *std::max_element(logits, logits + count);
  float total = 0;
  for (std::int64_t i = 0; i < count; ++i) total += probabilities[i] = std::exp(logits[i] - largest);
  for (std::int64_t i = 0; i < count; ++i) probabilities[i] /= total;
}

// The k largest by falling value, the lower index first; takes them out of `values`.
void take_largest(float* values, std::int64_t count, std::int64_t k, std::int64_t* experts, float* weights) {
  for (std::int64_t place = 0; place < k; ++place) {
    const std::int64_t best = std::max_element(values, values + count) - values;
    experts[place] = best;
    weights[place] = values[best];
    values[best] = -1;
  }
}

void choose(const RouterConfig& config, const std::optional<double>& skip_beta, const float* logits, std::int64_t count, std::int64_t k,
            std::vector<float>& probabilities, std::int64_t* experts, float* weights) {
  soften(logits, count, probabilities.data());
  take_largest(probabilities.data(), count, k, experts, weights);
  float carried = 0, left = 0;
  for (std::int64_t place = 0; place < k; ++place) carried += weights[place];
  if (skip_beta) skip_small(weights, k, *skip_beta);
  if (!config.renormalize && !skip_beta) return;
  for (std::int64_t place = 0; place < k; ++place) left += weights[place];
  // Where a family does not renormalise, those that are left carry what all that were chosen carried.
  const float target = config.renormalize ? 1.0f : carried;
  for (std::int64_t place = 0; place < k; ++place) weights[place] = weights[place] / left * target;
}

template <class T>
at::Tensor multiply_wide_by_kernels(const at::Tensor& input, const at::Tensor& weight) {
  const std::int64_t rows = input.size(0), hidden = input.size(1), columns = weight.size(0);
  constexpr std::int64_t kRows = 64;
  at::Tensor result = at::empty({rows, columns}, at::kFloat);
  const T* from = input.const_data_ptr<T>();
  const float* matrix = weight.const_data_ptr<float>();
  float* to = result.mutable_data_ptr<float>();
  run_ranges(rows, kRows, [&](std::int64_t first, std::int64_t last) {
    thread_local std::vector<float> wide, block;
    wide.resize((last - first) * hidden);
    block.resize((last - first) * kBlockColumns);
    widen_row(from + first * hidden, (last - first) * hidden, wide.data());
    const std::vector<const float*> pointers = row_pointers<float>(wide.data(), last - first, hidden);
    for (std::int64_t column = 0; column < columns; column += kBlockColumns) {
      const std::int64_t some = std::min(kBlockColumns, columns - column);
      block_product(pointers.data(), last - first, matrix + column * hidden, hidden, some, hidden, block.data(), ProductScratch::of_this_thread());
      for (std::int64_t row = first; row < last; ++row) std::copy_n(block.data() + (row - first) * kBlockColumns, some, to + row * columns + column);
    }
  });
  return result;
}

// skip_small over all rows: weights [rows, k], falling.
at::Tensor without_small(const at::Tensor& weights, double beta) {
  const at::Tensor wide = weights.to(at::kDouble), kept = wide.cumsum(1);
  const at::Tensor is_last = (wide.sum(1, /*keepdim=*/true) - kept < kept * beta).to(at::kLong);
  return weights.masked_fill(is_last.cumsum(1) - is_last > 0, 0);
}

// What `choose` does row by row, without a look by the host.
Routing route_on_device(const RouterConfig& config, const MoeWeights& moe, const at::Tensor& input) {
  Routing routing;
  routing.logits = multiply_wide(input, moe.router);
  const std::int64_t k = std::min(config.experts_per_token, routing.logits.size(1));
  const auto [sorted, order] = at::sort(routing.logits.softmax(-1), /*stable=*/true, /*dim=*/1, /*descending=*/true);
  routing.experts = order.narrow(1, 0, k).contiguous();
  const at::Tensor chosen = sorted.narrow(1, 0, k);
  const at::Tensor left = moe.skip_beta ? without_small(chosen, *moe.skip_beta) : chosen;
  routing.weights = left;
  if (config.renormalize || moe.skip_beta) {
    const at::Tensor share = left / left.sum(1, /*keepdim=*/true);
    routing.weights = config.renormalize ? share : share * chosen.sum(1, /*keepdim=*/true);
  }
  routing.weights = routing.weights.contiguous();
  return routing;
}

}  // namespace

at::Tensor multiply_wide(const at::Tensor& input, const at::Tensor& weight) {
  if (path_of(input) == CpuPath::kOperators) return at::linear(input.to(at::kFloat), weight);
  const at::Tensor matrix = weight.contiguous();
  return input.scalar_type() == at::kFloat ? multiply_wide_by_kernels<float>(input.contiguous(), matrix)
                                           : multiply_wide_by_kernels<at::BFloat16>(input.contiguous(), matrix);
}

Routing route(const RouterConfig& config, const MoeWeights& moe, const at::Tensor& input) {
  if (takes_device_path(input)) return route_on_device(config, moe, input);
  Routing routing;
  routing.logits = multiply_wide(input, moe.router);
  const at::Tensor logits = routing.logits.cpu();
  const std::int64_t rows = logits.size(0), present = logits.size(1), k = std::min(config.experts_per_token, present);
  at::Tensor experts = at::empty({rows, k}, at::kLong), weights = at::empty({rows, k}, at::kFloat);
  const float* scores = logits.const_data_ptr<float>();
  std::int64_t* chosen = experts.mutable_data_ptr<std::int64_t>();
  float* factors = weights.mutable_data_ptr<float>();
  run_ranges(rows, 256, [&](std::int64_t first, std::int64_t last) {
    std::vector<float> probabilities(present);
    for (std::int64_t row = first; row < last; ++row) {
      choose(config, moe.skip_beta, scores + row * present, present, k, probabilities, chosen + row * k, factors + row * k);
    }
  });
  routing.experts = experts.to(input.device());
  routing.weights = weights.to(input.device());
  return routing;
}

}  // namespace winnow
