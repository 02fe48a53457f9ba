#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/api/pruner.h"
#include "harness/engine/experts.h"
#include "harness/pruning/apply.h"
#include "pruners/shared/expert_count.h"
#include "pruners/shared/subset_losses.h"

namespace winnow {
namespace {

constexpr double kMostSubsets = 1e5;

double binomial(std::int64_t n, std::int64_t r) {
  double count = 1;
  for (std::int64_t i = 1; i <= r; ++i) count = count * static_cast<double>(n - r + i) / static_cast<double>(i);
  return std::round(count);
}

// The next combination of r of n indices in the order of itertools.combinations; false after the last.
bool next_combination(std::vector<int>& indices, int n) {
  const int r = static_cast<int>(indices.size());
  int i = r - 1;
  while (i >= 0 && indices[i] == n - r + i) --i;
  if (i < 0) return false;
  std::iota(indices.begin() + i, indices.end(), indices[i] + 1);
  return true;
}

double total_loss(const std::vector<TokenGrams>& batches, const std::vector<bool>& is_dropped) {
  double sum = 0;
  for (const TokenGrams& batch : batches) sum += batch.loss(is_dropped);
  return sum;
}

void search_all(const std::vector<TokenGrams>& batches, int experts, int dropped, LayerPlan& plan) {
  std::vector<int> subset(dropped);
  std::iota(subset.begin(), subset.end(), 0);
  do {
    std::vector<bool> is_dropped(experts);
    for (const int expert : subset) is_dropped[expert] = true;
    plan.losses.push_back({subset, total_loss(batches, is_dropped)});
  } while (next_combination(subset, experts));
}

// Drops the expert whose going costs least, again and again.
void search_greedily(const std::vector<TokenGrams>& batches, int experts, int dropped, LayerPlan& plan) {
  std::vector<bool> is_dropped(experts);
  std::vector<int> subset;
  for (int i = 0; i < dropped; ++i) {
    std::vector<double> losses(experts, 0.0);
    for (const TokenGrams& batch : batches) std::ranges::transform(losses, batch.losses_of_adding(is_dropped), losses.begin(), std::plus<>());
    const auto best = std::ranges::min_element(losses);
    subset.push_back(static_cast<int>(best - losses.begin()));
    is_dropped[subset.back()] = true;
    std::vector<int> sorted = subset;
    std::ranges::sort(sorted);
    plan.losses.push_back({std::move(sorted), *best});
  }
}

at::Tensor shared_output(const MoeWeights& moe, const at::Tensor& input) {
  const at::Tensor output = run_mlp(*moe.shared, input).to(at::kFloat);
  return moe.shared_router.defined() ? output * at::linear(input.to(at::kFloat), moe.shared_router.to(at::kFloat)).sigmoid() : output;
}

// Lu et al. (2402.14800 §3.2): keeps the experts whose layer output comes nearest to the whole layer's on the calibration tokens.
class Reconstruction : public Pruner {
 public:
  explicit Reconstruction(const Params& params)
      : count_(ExpertCount::from(params)),
        is_progressive_(params.get<std::string>("mode") == "progressive"),
        is_greedy_(params.get<std::string>("search") == "greedy"),
        batch_(params.get<std::int64_t>("batch")),
        shared_on_both_sides_(params.get<std::string>("shared_expert") == "both") {}

  bool calibrates() const override { return true; }

  void check(const ModelConfig& config) const override {
    count_.check("reconstruction", config);
    for (std::size_t layer = 0; layer < config.layers.size(); ++layer) {
      const std::int64_t experts = config.layers[layer].experts;
      if (is_greedy_ || config.layers[layer].mlp != LayerConfig::Mlp::kMoe) continue;
      const double subsets = binomial(experts, count_.kept_of(experts));
      if (subsets > kMostSubsets) {
        throw input_error("reconstruction: layer {} has {:.4g} subsets of {} of {} experts, more than {:.0f}; set \"search\": \"greedy\"", layer, subsets,
                          count_.kept_of(experts), experts, kMostSubsets);
      }
    }
  }

  PrunePlan plan(const PruneInputs& inputs) const override {
    LayerWalkOptions options = inputs.walk;
    options.sequences_per_batch = batch_;
    LayerWalk dense(inputs.config, inputs.tensors, inputs.weights, *inputs.calibration, options);
    std::optional<LayerWalk> pruned;
    if (is_progressive_) pruned.emplace(inputs.config, inputs.tensors, inputs.weights, *inputs.calibration, options);
    PrunePlan plan;
    while (dense.enter_next_layer()) {
      if (pruned) pruned->enter_next_layer();
      const int layer = dense.layer();
      if (inputs.on_progress) inputs.on_progress("reconstruction", static_cast<double>(layer) / static_cast<double>(inputs.config.layers.size()));
      if (!dense.weights().moe) continue;
      plan.layers.push_back(decide(inputs, layer, observe(inputs, dense, pruned ? *pruned : dense)));
      if (pruned) {
        const PrunePlan so_far{.layers = {plan.layers.back()}};
        const PrunedCheckpoint view = apply_plan(so_far, inputs.config, inputs.tensors, inputs.weights);
        pruned->reload(view.config, view.tensors, *view.weights);
        pruned->run();
      }
    }
    return plan;
  }

 private:
  // Targets are the unpruned model's outputs; inputs come from `walk`, which is the same model or the one pruned so far.
  std::vector<TokenGrams> observe(const PruneInputs& inputs, LayerWalk& dense, LayerWalk& walk) const {
    const MoeWeights& moe = *dense.weights().moe;
    const std::int64_t dropped = std::ssize(moe.experts) - count_.kept_of(std::ssize(moe.experts));
    std::vector<at::Tensor> reads, outputs;
    dense.run([&](std::size_t) {
      return Observer{.moe_input = [&](int, const at::Tensor& hidden) { reads.push_back(hidden); },
                      .moe_output = [&](int, const at::Tensor& hidden) { outputs.push_back(hidden); }};
    });
    if (&walk != &dense) {
      reads.clear();
      walk.run([&](std::size_t) { return Observer{.moe_input = [&](int, const at::Tensor& hidden) { reads.push_back(hidden); }}; });
    }
    std::vector<TokenGrams> batches;
    for (std::size_t batch = 0; batch < reads.size(); ++batch) {
      // What the shared expert gives on the tokens as pruning sees them stays whatever is dropped.
      const bool takes_shared_off = moe.shared && shared_on_both_sides_;
      const at::Tensor target = takes_shared_off ? outputs[batch].to(at::kFloat) - shared_output(moe, reads[batch]) : outputs[batch];
      batches.emplace_back(inputs.config.router, moe, reads[batch], target, dropped);
      reads[batch].reset();
      outputs[batch].reset();
    }
    return batches;
  }

  LayerPlan decide(const PruneInputs& inputs, int layer, const std::vector<TokenGrams>& batches) const {
    const int experts = static_cast<int>(inputs.config.layers[layer].experts);
    const int dropped = experts - static_cast<int>(count_.kept_of(experts));
    LayerPlan plan{.layer = layer};
    is_greedy_ ? search_greedily(batches, experts, dropped, plan) : search_all(batches, experts, dropped, plan);
    for (const SubsetLoss& loss : plan.losses) {
      if (!std::isfinite(loss.loss))
        throw input_error("reconstruction: a loss of layer {} is not finite; the checkpoint is damaged there, or dtype f32 is needed", layer);
    }
    const std::vector<int> gone = plan.losses.empty() ? std::vector<int>{}
                                  : is_greedy_        ? plan.losses.back().dropped
                                                      : std::ranges::min_element(plan.losses, {}, &SubsetLoss::loss)->dropped;
    for (int expert = 0; expert < experts; ++expert) {
      if (!std::ranges::binary_search(gone, expert)) plan.kept.push_back(expert);
    }
    return plan;
  }

  ExpertCount count_;
  bool is_progressive_, is_greedy_;
  std::int64_t batch_;
  bool shared_on_both_sides_;
};

const Registration<Pruner> kRegistration{{
    .name = "reconstruction",
    .version = 1,
    .summary = "keeps the experts that reproduce each layer's output best (Lu et al.)",
    .settings = with_expert_count({
        {.name = "mode",
         .types = {SettingType::kString},
         .default_value = "layerwise",
         .summary = "inputs of a layer from the unpruned model, or from the model pruned so far",
         .choices = {"layerwise", "progressive"}},
        {.name = "search",
         .types = {SettingType::kString},
         .default_value = "exhaustive",
         .summary = "all subsets, or one expert after another",
         .choices = {"exhaustive", "greedy"}},
        {.name = "shared_expert",
         .types = {SettingType::kString},
         .default_value = "target",
         .summary = "where a shared expert's output counts: in the target alone, as the recorded reference has it, or on both sides, where it cancels",
         .choices = {"target", "both"}},
        {.name = "batch",
         .types = {SettingType::kInteger},
         .default_value = 8,
         .summary = "sequences whose error is one norm of the loss, as in the authors' code",
         .minimum = 1},
    }),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Reconstruction>(params); },
}};

}  // namespace
}  // namespace winnow
