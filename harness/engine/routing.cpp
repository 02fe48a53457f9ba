#include "harness/engine/routing.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace winnow {
namespace {

// Lu et al. 2024, §3.3, for any k: the first i experts stay, i the smallest with Σ_{m>i} w < β · Σ_{m≤i} w. weights [rows, k], falling.
at::Tensor skip_small(const at::Tensor& weights, double beta) {
  const at::Tensor before = weights.cumsum(1), after = weights.sum(1, /*keepdim=*/true) - before;
  const at::Tensor enough = (after < before * beta).to(at::kLong);
  // Place m stays unless a place before it was already enough.
  const at::Tensor stays = (enough.cumsum(1) - enough) == 0;
  return weights * stays;
}

}  // namespace

Routing route(const RouterConfig& config, const MoeWeights& moe, const at::Tensor& input) {
  Routing routing;
  routing.logits = at::linear(input.to(at::kFloat), moe.router);
  const std::int64_t chosen = std::min<std::int64_t>(config.experts_per_token, moe.router.size(0));
  const auto [probabilities, order] = at::sort(routing.logits.softmax(1), /*stable=*/true, /*dim=*/1, /*descending=*/true);
  routing.experts = order.narrow(1, 0, chosen).contiguous();
  at::Tensor weights = probabilities.narrow(1, 0, chosen);
  const at::Tensor total = weights.sum(1, /*keepdim=*/true);
  if (moe.skip_beta) weights = skip_small(weights, *moe.skip_beta);
  if (config.renormalize) {
    weights = weights / weights.sum(1, /*keepdim=*/true);
  } else if (moe.skip_beta) {
    weights = weights / weights.sum(1, /*keepdim=*/true) * total;  // the survivors carry what the chosen ones carried
  }
  routing.weights = weights.contiguous();
  return routing;
}

}  // namespace winnow
