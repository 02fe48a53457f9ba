#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "pruners/shared/weight_methods.h"

namespace winnow {
namespace {

// OWL (2310.05175 §3): a layer with more outliers among its Wanda scores keeps more weights; sparsities lie within ±λ of the one asked.
class Owl : public Pruner {
 public:
  explicit Owl(const Params& params)
      : sparsity_(params.find<double>("sparsity")),
        lambda_(params.get<double>("lambda")),
        multiple_(params.get<double>("outlier_multiple")),
        under_(params.get<std::string>("under")),
        counts_empty_calls_(params.find<bool>("count_empty_calls")) {}

  Target target() const override { return Target::kWeights; }
  bool calibrates() const override { return true; }
  void check(const ModelConfig&) const override {}

  PrunePlan plan(const PruneInputs& inputs) const override {
    if (inputs.sparsity.has_value() == sparsity_.has_value()) {
      throw input_error("owl: found {}; give sparsity, or total_sparsity on the variant",
                        sparsity_ ? "a sparsity of its own under total_sparsity" : "no sparsity");
    }
    const bool counts_empty = counts_empty_calls(counts_empty_calls_, inputs);
    const CalibrationStats dense = inputs.observe({Observed::kInputNorms});
    const std::vector<std::optional<double>> outliers = outlier_shares(inputs, dense, counts_empty);
    const std::vector<double> sparsities = layer_sparsities(outliers, inputs.sparsity.value_or(sparsity_.value_or(0)));
    PrunePlan plan{.steps = {{{"outlier_percent", as_json(outliers)}}}, .scope = inputs.scope};
    const auto decide = [&](LayerWalk* walk, int layer, PrunePlan& of_layer) {
      if (!outliers[layer]) return;
      const Amount amount{.sparsity = sparsities[layer]};
      of_layer.layers.push_back({.layer = layer, .sparsity = sparsities[layer]});
      if (under_ == "magnitude") return mask_by_magnitude(inputs, layer, amount, MagnitudeCut::kMatrix, of_layer);
      if (under_ == "sparsegpt") return mask_by_sparsegpt(inputs, *walk, amount, {.counts_empty_calls = counts_empty}, of_layer);
      const LayerStats stats = collect_layer_stats(*walk, inputs.config, inputs.tensors, {Observed::kInputNorms});
      mask_by_wanda(inputs, layer, amount, stats.inputs, walk->sequences(), counts_empty, of_layer);
    };
    if (under_ == "magnitude") {
      for (int layer = 0; layer < std::ssize(inputs.config.layers); ++layer) decide(nullptr, layer, plan);
    } else {
      mask_layer_by_layer(inputs, plan, [&](LayerWalk& walk, PrunePlan& of_layer) { decide(&walk, walk.layer(), of_layer); });
    }
    return plan;
  }

 private:
  static Json as_json(const std::vector<std::optional<double>>& outliers) {
    Json list = Json::array();
    for (const std::optional<double>& outlier : outliers) list.push_back(outlier ? Json(*outlier) : Json());
    return list;
  }

  // D_l: per cent of the layer's Wanda scores, all linear maps together, above `multiple` times their mean; none where scope and patterns leave nothing of
  // the layer to be masked.
  std::vector<std::optional<double>> outlier_shares(const PruneInputs& inputs, const CalibrationStats& stats, bool counts_empty) const {
    std::vector<std::optional<double>> shares;
    for (int layer = 0; layer < std::ssize(inputs.config.layers); ++layer) {
      const std::vector<const TensorSpec*> linears = maskable(inputs, layer);
      if (linears.empty()) {
        shares.emplace_back();
        continue;
      }
      const auto scores = [&](const TensorSpec& tensor) {
        const auto seen = stats.layers[layer].inputs.find(tensor.name);
        const at::Tensor norm =
            seen == stats.layers[layer].inputs.end() ? at::zeros({tensor.shape[1]}) : wanda_norms(seen->second, stats.sequences, counts_empty);
        return wanda_scores(inputs.weights.read(tensor).to(inputs.walk.device), norm.to(inputs.walk.device));
      };
      double sum = 0;
      std::int64_t count = 0, above = 0;
      for (const TensorSpec* tensor : linears) {
        const at::Tensor of_tensor = scores(*tensor);
        sum += of_tensor.sum(at::kDouble).item<double>();
        count += of_tensor.numel();
      }
      const auto limit = static_cast<float>(multiple_ * static_cast<double>(static_cast<float>(sum / static_cast<double>(count))));
      for (const TensorSpec* tensor : linears) {
        above += (scores(*tensor) > limit).sum().item<std::int64_t>();
        inputs.weights.release(*tensor);
      }
      shares.emplace_back(static_cast<double>(above) / static_cast<double>(count) * 100);
    }
    return shares;
  }

  // Least, most and mean are of the layers that have something to mask, so that their mean is the sparsity asked.
  std::vector<double> layer_sparsities(const std::vector<std::optional<double>>& outliers, double sparsity) const {
    std::vector<double> present;
    for (const std::optional<double>& outlier : outliers) {
      if (outlier) present.push_back(*outlier);
    }
    if (present.empty()) return std::vector<double>(outliers.size(), 0.0);
    const auto [least, most] = std::ranges::minmax(present);
    const double scale = most > least ? 1 / (most - least) * lambda_ * 2 : 0;
    const double sum =
        std::accumulate(present.begin(), present.end(), 0.0, [&, least = least](double so_far, double x) { return so_far + (x - least) * scale; });
    const double mean = sum / static_cast<double>(present.size());
    std::vector<double> sparsities;
    for (const std::optional<double>& outlier : outliers) {
      const double of_layer = outlier ? 1 - ((*outlier - least) * scale - mean + (1 - sparsity)) : 0;
      sparsities.push_back(of_layer <= 0 ? 0.01 : of_layer);
    }
    return sparsities;
  }

  std::optional<double> sparsity_;
  double lambda_, multiple_;
  std::string under_;
  std::optional<bool> counts_empty_calls_;
};

const Registration<Pruner> kRegistration{{
    .name = "owl",
    .version = 2,
    .summary = "gives layers with more outliers a lower sparsity, then prunes by another method (OWL)",
    .settings =
        {
            {.name = "sparsity",
             .types = {SettingType::kNumber},
             .summary = "mean share over the layers; left out under the variant's total_sparsity",
             .minimum = 0,
             .maximum = 1},
            {.name = "lambda",
             .types = {SettingType::kNumber},
             .default_value = 0.08,
             .summary = "half the width of the band that layer sparsities lie in",
             .minimum = 0,
             .maximum = 1},
            {.name = "outlier_multiple",
             .types = {SettingType::kNumber},
             .default_value = 5.0,
             .summary = "M: a score above M times the layer's mean is an outlier",
             .minimum = 0},
            {.name = "under",
             .types = {SettingType::kString},
             .default_value = "wanda",
             .summary = "the method that removes the weights",
             .choices = {"wanda", "magnitude", "sparsegpt"}},
            empty_calls_setting(),
        },
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Owl>(params); },
}};

}  // namespace
}  // namespace winnow
