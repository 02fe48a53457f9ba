#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "harness/api/pruner.h"

namespace winnow {
namespace {

using Clusters = std::vector<std::vector<int>>;

double linkage_distance(const at::TensorAccessor<double, 2>& distance, const std::vector<int>& first, const std::vector<int>& second,
                        const std::string& linkage) {
  double sum = 0, least = std::numeric_limits<double>::infinity(), most = 0;
  for (const int a : first) {
    for (const int b : second) {
      sum += distance[a][b];
      least = std::min(least, distance[a][b]);
      most = std::max(most, distance[a][b]);
    }
  }
  return linkage == "single" ? least : linkage == "complete" ? most : sum / static_cast<double>(first.size() * second.size());
}

// Joins the two nearest clusters until `groups` are left; ties: the pair that comes first.
Clusters agglomerate(const at::Tensor& distance, std::int64_t groups, const std::string& linkage) {
  const auto entries = distance.accessor<double, 2>();
  Clusters clusters;
  for (int expert = 0; expert < distance.size(0); ++expert) clusters.push_back({expert});
  while (std::ssize(clusters) > groups) {
    std::size_t best_first = 0, best_second = 1;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t first = 0; first < clusters.size(); ++first) {
      for (std::size_t second = first + 1; second < clusters.size(); ++second) {
        const double between = linkage_distance(entries, clusters[first], clusters[second], linkage);
        if (between < least) least = between, best_first = first, best_second = second;
      }
    }
    clusters[best_first].insert(clusters[best_first].end(), clusters[best_second].begin(), clusters[best_second].end());
    std::ranges::sort(clusters[best_first]);
    clusters.erase(clusters.begin() + static_cast<std::ptrdiff_t>(best_second));
  }
  std::ranges::sort(clusters);
  return clusters;
}

// HC-SMoE (2410.08589): experts whose mean outputs over all tokens lie near each other become one, weighted by how often they are chosen; the router
// stays as it is, and every member's place runs the merged expert.
class HcSmoe : public Pruner {
 public:
  explicit HcSmoe(const Params& params)
      : groups_(params.find<std::int64_t>("groups")),
        ratio_(params.find<double>("ratio")),
        distance_(params.get<std::string>("distance")),
        linkage_(params.get<std::string>("linkage")) {
    if (groups_.has_value() == ratio_.has_value())
      throw input_error("hc_smoe: found {} of groups and ratio, expected exactly one", groups_ ? "both" : "neither");
  }

  bool calibrates() const override { return true; }

  void check(const ModelConfig& config) const override {
    if (config.moe_layers() == 0) throw input_error("hc_smoe: the model ({}) has no experts to merge; choose a Mixture-of-Experts model", config.model_type);
    for (std::size_t layer = 0; layer < config.layers.size(); ++layer) {
      const LayerConfig& of_model = config.layers[layer];
      if (of_model.mlp != LayerConfig::Mlp::kMoe) continue;
      const std::int64_t groups = groups_of(of_model.experts);
      if (groups < 1 || groups > of_model.experts)
        throw input_error("hc_smoe: layer {} would have {} groups of {} experts; ask for 1 to {}", layer, groups, of_model.experts, of_model.experts);
    }
  }

  PrunePlan plan(const PruneInputs& inputs) const override {
    const CalibrationStats stats = inputs.observe({Observed::kCounts, Observed::kMeanOutputs});
    PrunePlan plan;
    for (int layer = 0; layer < std::ssize(inputs.config.layers); ++layer) {
      if (inputs.config.layers[layer].mlp != LayerConfig::Mlp::kMoe) continue;
      const LayerStats& seen = stats.layers[layer];
      if (!seen.mean_output.isfinite().all().item<bool>())
        throw input_error("hc_smoe: mean outputs of layer {} are not finite; the checkpoint is damaged there", layer);
      LayerPlan decided{.layer = layer, .clusters = agglomerate(distances(seen.mean_output), groups_of(seen.count.numel()), linkage_), .merged = true};
      for (const std::vector<int>& cluster : decided.clusters) {
        if (cluster.size() > 1) decided.merges.push_back(merge(cluster, seen.count));
      }
      decided.merged = !decided.merges.empty();
      plan.layers.push_back(std::move(decided));
    }
    return plan;
  }

 private:
  std::int64_t groups_of(std::int64_t experts) const {
    return groups_ ? *groups_ : experts - static_cast<std::int64_t>(static_cast<double>(experts) * *ratio_);
  }

  at::Tensor distances(const at::Tensor& outputs) const {
    if (distance_ == "euclidean") return at::cdist(outputs, outputs, 2, /*compute_mode=*/2).contiguous();
    const at::Tensor directions = outputs / outputs.norm(2, 1, /*keepdim=*/true).clamp_min(1e-12);
    return (1 - directions.matmul(directions.t())).contiguous();
  }

  static ExpertMerge merge(const std::vector<int>& cluster, const at::Tensor& count) {
    double total = 0;
    for (const int expert : cluster) total += count[expert].item<double>();
    ExpertMerge merge{.into = cluster.front(), .members = cluster, .router = ExpertMerge::Router::kKeep};
    for (const int expert : cluster) merge.weights.push_back(count[expert].item<double>() / (total + 1e-7));  // as the authors' code divides
    return merge;
  }

  std::optional<std::int64_t> groups_;
  std::optional<double> ratio_;
  std::string distance_, linkage_;
};

const Registration<Pruner> kRegistration{{
    .name = "hc_smoe",
    .version = 2,
    .summary = "merges experts with like mean outputs by hierarchical clustering (HC-SMoE)",
    .settings =
        {
            {.name = "groups", .types = {SettingType::kInteger}, .summary = "experts left in every layer", .minimum = 1},
            {.name = "ratio",
             .types = {SettingType::kNumber},
             .summary = "share of the experts to merge away: int(experts · ratio) of every layer",
             .minimum = 0,
             .maximum = 1},
            {.name = "distance",
             .types = {SettingType::kString},
             .default_value = "euclidean",
             .summary = "between mean outputs",
             .choices = {"euclidean", "cosine"}},
            {.name = "linkage",
             .types = {SettingType::kString},
             .default_value = "average",
             .summary = "between clusters",
             .choices = {"average", "single", "complete"}},
        },
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<HcSmoe>(params); },
}};

}  // namespace
}  // namespace winnow
