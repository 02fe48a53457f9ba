#include <algorithm>

#include "harness/core/error.h"
#include "harness/pruning/apply.h"

namespace winnow {
namespace {

bool changes_experts(const LayerPlan& plan) { return !plan.kept.empty() || !plan.clusters.empty() || !plan.merges.empty(); }

// `second` speaks of the experts that `first` left, so its kept indices go through first's.
LayerPlan compose_layers(LayerPlan first, const LayerPlan& second) {
  if (changes_experts(second)) {
    if (!first.clusters.empty() || !first.merges.empty() || !second.clusters.empty() || !second.merges.empty()) {
      throw input_error("plan, layer {}: two steps of a variant both cluster or merge experts; let one step decide about experts, then others about weights",
                        first.layer);
    }
    if (first.kept.empty()) {
      first.kept = second.kept;
    } else {
      std::ranges::transform(second.kept, first.kept.begin(), [kept = first.kept](int index) { return kept.at(index); });
      first.kept.resize(second.kept.size());
    }
  }
  if (!second.scores.empty()) first.scores = second.scores;
  if (!second.losses.empty()) first.losses = second.losses;
  if (second.beta) first.beta = second.beta;
  if (second.sparsity) first.sparsity = second.sparsity;
  return first;
}

}  // namespace

PrunePlan compose_plans(PrunePlan first, PrunePlan second) {
  const bool drops_experts = std::ranges::any_of(second.layers, changes_experts);
  if (drops_experts && !(first.masks.empty() && first.weights.empty())) {
    throw input_error("variant: an expert step stands after a weight step; put the expert step first");
  }
  first.steps.insert(first.steps.end(), second.steps.begin(), second.steps.end());
  for (LayerPlan& layer : second.layers) {
    const auto position = std::ranges::find(first.layers, layer.layer, &LayerPlan::layer);
    if (position == first.layers.end()) {
      first.layers.push_back(std::move(layer));
    } else {
      *position = compose_layers(std::move(*position), layer);
    }
  }
  std::ranges::sort(first.layers, {}, &LayerPlan::layer);
  if (!second.masks.empty() && !first.masks.empty()) throw input_error("variant: two steps mask weights; let one step decide about weights");
  std::ranges::move(second.masks, std::back_inserter(first.masks));
  first.mask_bits.merge(second.mask_bits);
  first.weights.merge(second.weights);
  if (!second.search.empty()) first.search = std::move(second.search);
  if (!second.scope.empty()) first.scope = second.scope;
  if (second.total_sparsity) first.total_sparsity = second.total_sparsity;
  if (second.realised) first.realised = second.realised;
  return first;
}

}  // namespace winnow
