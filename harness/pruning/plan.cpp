#include "harness/pruning/plan.h"

#include <algorithm>
#include <set>

#include "harness/core/error.h"

namespace winnow {
namespace {

void check_indices(const LayerPlan& plan, const char* what, const std::vector<int>& indices, std::int64_t experts) {
  std::set<int> seen;
  for (const int index : indices) {
    if (index < 0 || index >= experts) {
      throw input_error("plan, layer {}: {} names expert {}, but the layer has experts 0 to {}; the plan is of another model", plan.layer, what, index,
                        experts - 1);
    }
    if (!seen.insert(index).second) throw input_error("plan, layer {}: {} names expert {} twice; each expert may be there once", plan.layer, what, index);
  }
}

void check_kept(const LayerPlan& plan, std::int64_t experts) {
  check_indices(plan, "kept", plan.kept, experts);
  if (!std::is_sorted(plan.kept.begin(), plan.kept.end())) throw input_error("plan, layer {}: kept experts are not ascending; sort them", plan.layer);
}

void check_clusters(const LayerPlan& plan, std::int64_t experts) {
  if (plan.clusters.empty()) {
    if (!plan.representatives.empty()) throw input_error("plan, layer {}: representatives without clusters; name the cluster of each", plan.layer);
    return;
  }
  std::vector<int> members;
  for (const std::vector<int>& cluster : plan.clusters) {
    if (cluster.empty()) throw input_error("plan, layer {}: a cluster has no member; leave it out", plan.layer);
    members.insert(members.end(), cluster.begin(), cluster.end());
  }
  check_indices(plan, "clusters", members, experts);
  if (std::ssize(members) != experts) {
    throw input_error("plan, layer {}: the clusters hold {} experts of {}; every expert belongs to one", plan.layer, members.size(), experts);
  }
  if (plan.representatives.empty()) return;
  if (plan.representatives.size() != plan.clusters.size()) {
    throw input_error("plan, layer {}: {} representatives for {} clusters; one each is expected", plan.layer, plan.representatives.size(),
                      plan.clusters.size());
  }
  for (std::size_t i = 0; i < plan.clusters.size(); ++i) {
    if (std::ranges::find(plan.clusters[i], plan.representatives[i]) == plan.clusters[i].end()) {
      throw input_error("plan, layer {}: representative {} is not a member of cluster {}", plan.layer, plan.representatives[i], i);
    }
  }
  std::vector<int> sorted = plan.representatives;
  std::ranges::sort(sorted);
  if (!plan.kept.empty() && plan.kept != sorted) throw input_error("plan, layer {}: the kept experts are not the representatives", plan.layer);
}

void check_merges(const LayerPlan& plan, std::int64_t experts) {
  if (!plan.merges.empty() && !(plan.kept.empty() && plan.representatives.empty()))
    throw input_error("plan, layer {}: experts are both merged and kept; one of the two is expected", plan.layer);
  std::set<int> targets;
  std::vector<int> members;
  for (const ExpertMerge& merge : plan.merges) {
    if (merge.members.empty() || merge.members.size() != merge.weights.size()) {
      throw input_error("plan, layer {}: a merge has {} members and {} weights; one weight for each member is expected", plan.layer, merge.members.size(),
                        merge.weights.size());
    }
    if (merge.into < 0 || merge.into >= experts_after(plan, experts) || !targets.insert(merge.into).second) {
      throw input_error("plan, layer {}: a merge goes into expert {}, which is beyond the layer or taken already", plan.layer, merge.into);
    }
    if (merge.router != plan.merges.front().router) throw input_error("plan, layer {}: merges with different router rules in one layer", plan.layer);
    if (merge.router == ExpertMerge::Router::kKeep && merge.into != merge.members.front()) {
      throw input_error("plan, layer {}: a merge that keeps places goes into expert {}, but its first member is {}; they must be the same", plan.layer,
                        merge.into, merge.members.front());
    }
    members.insert(members.end(), merge.members.begin(), merge.members.end());
  }
  check_indices(plan, "merges", members, experts);
}

}  // namespace

std::int64_t experts_after(const LayerPlan& plan, std::int64_t experts) {
  if (!plan.merges.empty() && plan.merges.front().router != ExpertMerge::Router::kKeep) return std::ssize(plan.merges);
  if (!plan.representatives.empty()) return std::ssize(plan.representatives);
  if (!plan.kept.empty()) return std::ssize(plan.kept);
  return experts;
}

void check_plan(const PrunePlan& plan, const ModelConfig& config) {
  std::set<int> seen;
  for (const LayerPlan& layer : plan.layers) {
    if (layer.layer < 0 || layer.layer >= std::ssize(config.layers)) {
      throw input_error("plan: it names layer {}, but the model has layers 0 to {}; the plan is of another model", layer.layer, config.layers.size() - 1);
    }
    if (!seen.insert(layer.layer).second) throw input_error("plan: layer {} stands there twice", layer.layer);
    const LayerConfig& of_model = config.layers[layer.layer];
    const bool touches_experts = !layer.kept.empty() || !layer.clusters.empty() || !layer.merges.empty() || layer.beta;
    if (!touches_experts) continue;
    if (of_model.mlp != LayerConfig::Mlp::kMoe) throw input_error("plan: layer {} has no experts in this model; the plan is of another model", layer.layer);
    if (layer.beta && !(*layer.beta >= 0 && *layer.beta <= 1e9))
      throw input_error("plan, layer {}: beta is {}, expected a number from 0 to 1e9", layer.layer, *layer.beta);
    check_kept(layer, of_model.experts);
    check_clusters(layer, of_model.experts);
    check_merges(layer, of_model.experts);
    const std::int64_t left = experts_after(layer, of_model.experts);
    const std::int64_t top_k = std::min(config.router.experts_per_token, of_model.experts);
    // STUN merges down to a single expert per layer and routes to min(top-k, experts left); plain dropping must leave top-k.
    if (left < top_k && layer.clusters.empty()) {
      throw input_error("plan: layer {} would keep {} of {} experts, but the router picks {} per token; keep more", layer.layer, left, of_model.experts, top_k);
    }
  }
}

}  // namespace winnow
