#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "harness/api/pruner.h"
#include "pruners/shared/stun_clusters.h"

namespace winnow {
namespace {

constexpr double kTie = 1e-5;  // relative; members this much farther from the mean than the nearest count as equally near

// Stage one of STUN (2409.06211): experts that behave alike, by their router rows or by how often the same token picks both, form clusters; one
// threshold over all layers decides how many are left, and each cluster is replaced by the member nearest to its mean, or by the mean.
class Stun : public Pruner {
 public:
  explicit Stun(const Params& params)
      : distance_(params.get<std::string>("distance")),
        mix_weight_(params.find<double>("mix_weight")),
        total_(params.find<std::int64_t>("experts_total")),
        ratio_(params.find<double>("ratio")),
        threshold_(params.find<double>("threshold")),
        merge_max_clusters_(params.get<std::int64_t>("merge_max_clusters")),
        kappa_counts_members_(params.get<std::string>("kappa") == "members") {
    if (total_.has_value() + ratio_.has_value() + threshold_.has_value() != 1) {
      throw input_error("stun: expected exactly one of experts_total, ratio and threshold, found {}; give one",
                        total_.has_value() + ratio_.has_value() + threshold_.has_value());
    }
    if (mix_weight_.has_value() != (distance_ == "mixed"))
      throw input_error("stun: mix_weight belongs to distance \"mixed\", and it needs one; found distance \"{}\"", distance_);
  }

  bool calibrates() const override { return !distance_.starts_with("router"); }

  void check(const ModelConfig& config) const override {
    std::int64_t experts = 0;
    for (const LayerConfig& layer : config.layers) experts += layer.mlp == LayerConfig::Mlp::kMoe ? layer.experts : 0;
    if (experts == 0) throw input_error("stun: the model ({}) has no experts to cluster; choose a Mixture-of-Experts model", config.model_type);
    if (calibrates() && config.router.experts_per_token < 2) {
      throw input_error("stun: distance \"{}\" counts pairs of experts that a token chose together, and the model's router picks {} per token; use \"router\"",
                        distance_, config.router.experts_per_token);
    }
    const std::int64_t least = config.moe_layers();
    const std::int64_t wanted = total_ ? *total_ : ratio_ ? experts - static_cast<std::int64_t>(static_cast<double>(experts) * *ratio_) : experts;
    if (wanted < least || wanted > experts) {
      throw input_error("stun: {} experts in all are to stay, the model has {} in {} layers; ask for {} to {}", wanted, experts, least, least, experts);
    }
  }

  PrunePlan plan(const PruneInputs& inputs) const override {
    std::vector<int> layers;
    std::vector<ExpertClustering> clusterings;
    const CalibrationStats stats = calibrates() ? inputs.observe({Observed::kCoactivation}) : CalibrationStats{};
    std::int64_t experts = 0;
    for (const TensorSpec& tensor : inputs.tensors) {
      if (tensor.role != Role::kRouter) continue;
      layers.push_back(tensor.layer);
      clusterings.emplace_back(distance(inputs, tensor, stats));
      experts += tensor.shape[0];
    }
    PrunePlan plan;
    const double threshold = threshold_ ? *threshold_ : find_threshold(clusterings, experts, plan);
    for (std::size_t i = 0; i < layers.size(); ++i) plan.layers.push_back(decide(inputs, layers[i], clusterings[i].at_threshold(threshold)));
    return plan;
  }

 private:
  // V of merge_weight.py, f32 [E, E].
  at::Tensor distance(const PruneInputs& inputs, const TensorSpec& router, const CalibrationStats& stats) const {
    at::Tensor rows, coactivation;
    if (distance_ != "coactivation" && distance_ != "coactivation_normalized") {
      rows = inputs.weights.read(router).to(at::kFloat);
      if (!rows.isfinite().all().item<bool>()) throw input_error("stun: the router of layer {} is not finite; the checkpoint is damaged there", router.layer);
    }
    if (calibrates()) coactivation = stats.layers.at(router.layer).coactivation.to(at::kFloat);
    if (distance_ == "router") return at::cdist(rows, rows);
    if (distance_ == "router_normalized") return at::cdist(rows, rows) / rows.norm();
    if (distance_ == "coactivation") return -coactivation;
    const at::Tensor normalized = -coactivation / coactivation.mean().abs();
    return distance_ == "mixed" ? *mix_weight_ * normalized + at::cdist(rows, rows) : normalized;
  }

  double find_threshold(const std::vector<ExpertClustering>& clusterings, std::int64_t experts, PrunePlan& plan) const {
    const std::int64_t target = total_ ? *total_ : experts - static_cast<std::int64_t>(static_cast<double>(experts) * *ratio_);
    const ThresholdSearch search = search_threshold(target, [&](double threshold) {
      std::int64_t total = 0;
      for (const ExpertClustering& clustering : clusterings) total += std::ssize(clustering.at_threshold(threshold));
      return total;
    });
    plan.search = search.trials;
    if (search.found) return search.trials.back().first;
    const auto nearest =
        std::ranges::min_element(search.trials, {}, [&](const auto& trial) { return std::abs(trial.second - target) * 2 + (trial.second < target); });
    if (total_) {  // an exact number was asked for; a ratio takes the nearest that ties allow
      throw input_error("stun: no threshold leaves {} experts in all (ties go together); the nearest met is {}, at {}; ask for that, or give a ratio", target,
                        nearest->second, nearest->first);
    }
    return nearest->first;
  }

  LayerPlan decide(const PruneInputs& inputs, int layer, Clusters clusters) const {
    LayerPlan plan{.layer = layer, .clusters = std::move(clusters)};
    const bool merges_layer = !kappa_counts_members_ && std::ssize(plan.clusters) <= merge_max_clusters_;
    const auto is_merged = [&](const std::vector<int>& cluster) { return kappa_counts_members_ ? std::ssize(cluster) <= merge_max_clusters_ : merges_layer; };
    plan.merged = std::ranges::any_of(plan.clusters, [&](const auto& cluster) { return cluster.size() > 1 && is_merged(cluster); });
    for (const std::vector<int>& cluster : plan.clusters) {
      const std::vector<int> members = plan.merged && is_merged(cluster) ? cluster : std::vector{representative(inputs, layer, cluster)};
      if (!plan.merged) {
        plan.representatives.push_back(members.front());
        continue;
      }
      const double share = 1.0 / static_cast<double>(members.size());
      plan.merges.push_back({.into = static_cast<int>(plan.merges.size()), .members = members, .weights = std::vector<double>(members.size(), share)});
    }
    plan.kept = plan.representatives;
    std::ranges::sort(plan.kept);
    return plan;
  }

  // The member whose (w1, w2, w3) lie nearest to their mean over the cluster. Two members are always equally near: the lower index, without a look.
  int representative(const PruneInputs& inputs, int layer, const std::vector<int>& cluster) const {
    if (cluster.size() <= 2) return cluster.front();
    at::Tensor square_distance = at::zeros({std::ssize(cluster)}, at::kDouble);
    for (const Role role : {Role::kExpertGate, Role::kExpertDown, Role::kExpertUp}) square_distance += distance_to_mean(inputs, layer, cluster, role);
    const double limit = square_distance.min().item<double>() * (1 + kTie) * (1 + kTie);
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      if (square_distance[static_cast<std::int64_t>(i)].item<double>() <= limit) return cluster[i];
    }
    throw input_error("stun: the weights of a cluster in layer {} are not finite; the checkpoint is damaged there", layer);
  }

  // f64 [members]; some rows of all members at a time, since a cluster may be larger than memory.
  at::Tensor distance_to_mean(const PruneInputs& inputs, int layer, const std::vector<int>& cluster, Role role) const {
    constexpr std::int64_t kValuesAtATime = 1 << 22;
    std::vector<at::Tensor> members;
    std::vector<const TensorSpec*> specs;
    for (const TensorSpec& tensor : inputs.tensors) {
      if (tensor.layer != layer || tensor.role != role || !std::ranges::binary_search(cluster, tensor.expert)) continue;
      specs.push_back(&tensor);
      members.push_back(inputs.weights.read(tensor));
    }
    const std::int64_t rows = members.front().size(0);
    const std::int64_t rows_at_a_time = std::max<std::int64_t>(1, kValuesAtATime / (members.front().size(1) * std::ssize(members)));
    at::Tensor sum = at::zeros({std::ssize(members)}, at::kDouble);
    for (std::int64_t row = 0; row < rows; row += rows_at_a_time) {
      std::vector<at::Tensor> parts;
      for (const at::Tensor& member : members) parts.push_back(member.narrow(0, row, std::min(rows_at_a_time, rows - row)).to(at::kDouble).flatten());
      const at::Tensor part = at::stack(parts);
      sum += (part - part.mean(0)).square().sum(1);
    }
    for (const TensorSpec* spec : specs) inputs.weights.release(*spec);
    return sum;
  }

  std::string distance_;
  std::optional<double> mix_weight_;
  std::optional<std::int64_t> total_;
  std::optional<double> ratio_, threshold_;
  std::int64_t merge_max_clusters_;
  bool kappa_counts_members_;
};

const Registration<Pruner> kRegistration{{
    .name = "stun",
    .version = 1,
    .summary = "clusters experts that behave alike and keeps one of each cluster (STUN, stage one)",
    .settings =
        {
            {.name = "distance",
             .types = {SettingType::kString},
             .default_value = "router",
             .summary = "how unlike two experts are",
             .choices = {"router", "router_normalized", "coactivation", "coactivation_normalized", "mixed"}},
            {.name = "mix_weight", .types = {SettingType::kNumber}, .summary = "of the co-activation term of distance \"mixed\""},
            {.name = "experts_total", .types = {SettingType::kInteger}, .summary = "experts that stay, over all layers", .minimum = 1},
            {.name = "ratio", .types = {SettingType::kNumber}, .summary = "share of all experts to remove, as near as ties allow", .minimum = 0, .maximum = 1},
            {.name = "threshold", .types = {SettingType::kNumber}, .summary = "clusters are joined below this distance"},
            {.name = "merge_max_clusters",
             .types = {SettingType::kInteger},
             .default_value = 2,
             .summary = "means replace representatives up to this many (see kappa)",
             .minimum = 0},
            {.name = "kappa",
             .types = {SettingType::kString},
             .default_value = "clusters",
             .summary = "what merge_max_clusters counts: clusters of the layer (the authors' code) or members of the cluster (the paper's text)",
             .choices = {"clusters", "members"}},
        },
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Stun>(params); },
}};

}  // namespace
}  // namespace winnow
