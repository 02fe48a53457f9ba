// Lu et al.'s search over subsets of experts, one layer of hidden 512, ffn 1024, 8 experts, 2,048 tokens, f32, one thread: every subset by a routed forward
// of the layer against one pass of Gram matrices. Both print the subset they choose as a label; a pair with different labels is void.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <bit>
#include <limits>

#include "harness/engine/experts.h"
#include "pruners/shared/subset_losses.h"

namespace winnow {
namespace {

constexpr int kExperts = 8, kHidden = 512, kWidth = 1024, kTokens = 2048;
const RouterConfig kRouter{.experts_per_token = 2, .renormalize = true};

struct Layer {
  Layer() {
    at::manual_seed(1);
    const auto random = [](std::int64_t rows, std::int64_t columns) { return Linear{.weight = at::randn({rows, columns}) * 0.05}; };
    moe.router = at::randn({kExperts, kHidden}) * 0.05;
    for (int expert = 0; expert < kExperts; ++expert) {
      moe.experts.push_back(
          std::make_shared<GatedMlp>(GatedMlp{.gate = random(kWidth, kHidden), .up = random(kWidth, kHidden), .down = random(kHidden, kWidth)}));
      moe.original_index.push_back(expert);
    }
    input = at::randn({kTokens, kHidden});
    target = run_moe(kRouter, moe, 0, input, {});
  }
  MoeWeights moe;
  at::Tensor input, target;
};

MoeWeights without(const MoeWeights& whole, const std::vector<bool>& is_dropped) {
  MoeWeights left;
  std::vector<std::int64_t> rows;
  for (int expert = 0; expert < kExperts; ++expert) {
    if (is_dropped[expert]) continue;
    rows.push_back(expert);
    left.experts.push_back(whole.experts[expert]);
    left.original_index.push_back(expert);
  }
  left.router = whole.router.index_select(0, at::tensor(rows));
  return left;
}

// The best subset of `dropped` experts by `loss`, as the digits of its members.
template <class Loss>
std::string search(int dropped, Loss loss) {
  double least = std::numeric_limits<double>::infinity();
  std::string best;
  for (unsigned set = 0; set < 1u << kExperts; ++set) {
    if (std::popcount(set) != dropped) continue;
    std::vector<bool> is_dropped(kExperts);
    std::string name;
    for (int expert = 0; expert < kExperts; ++expert) {
      is_dropped[expert] = set >> expert & 1;
      if (is_dropped[expert]) name += std::to_string(expert);
    }
    const double of_set = loss(is_dropped);
    if (of_set < least) least = of_set, best = name;
  }
  return best;
}

void EverySubsetByAForward(benchmark::State& state) {
  at::set_num_threads(1);
  const c10::InferenceMode no_gradients;
  const Layer layer;
  std::string best;
  for (auto _ : state) {
    best = search(static_cast<int>(state.range(0)), [&](const std::vector<bool>& is_dropped) {
      const at::Tensor output = run_moe(kRouter, without(layer.moe, is_dropped), 0, layer.input, {});
      return (layer.target.to(at::kDouble) - output.to(at::kDouble)).norm().item<double>();
    });
  }
  state.SetLabel("drops " + best);
}
BENCHMARK(EverySubsetByAForward)->Arg(2)->Arg(4)->Unit(benchmark::kMillisecond);

void OnePassOfGrams(benchmark::State& state) {
  at::set_num_threads(1);
  const c10::InferenceMode no_gradients;
  const Layer layer;
  std::string best;
  for (auto _ : state) {
    const TokenGrams grams(kRouter, layer.moe, layer.input, layer.target, state.range(0));
    best = search(static_cast<int>(state.range(0)), [&](const std::vector<bool>& is_dropped) { return grams.loss(is_dropped); });
  }
  state.SetLabel("drops " + best);
}
BENCHMARK(OnePassOfGrams)->Arg(2)->Arg(4)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace winnow
