#include <ATen/ATen.h>

#include "harness/api/pruner.h"
#include "harness/core/statistics.h"

namespace winnow {
namespace {

// Dynamic expert skipping (Lu et al., 2402.14800 §3.3): a token goes without its later experts where their gate weights are small beside the first's.
// k = 2: the second is skipped if p(2) < β · p(1). k > 2: the first i stay, i the smallest with Σ_{m>i} w < β · Σ_{m≤i} w, which is our extension.
class Skipping : public Pruner {
 public:
  explicit Skipping(const Params& params) {
    const Json beta = params.as_json().at("beta");
    if (beta.is_string()) return;
    betas_ = beta.is_array() ? beta.get<std::vector<double>>() : std::vector{beta.get<double>()};
    if (betas_.empty()) throw input_error("skipping: beta is an empty list; give \"median\", a number, or a number for each MoE layer");
  }

  bool calibrates() const override { return betas_.empty(); }

  void check(const ModelConfig& config) const override {
    if (config.moe_layers() == 0 || config.router.experts_per_token < 2) {
      throw input_error("skipping: the model ({}) uses {} expert(s) per token, so there is none to skip; choose a model with top-k of at least 2",
                        config.model_type, config.moe_layers() == 0 ? 0 : config.router.experts_per_token);
    }
    if (betas_.size() > 1 && std::ssize(betas_) != config.moe_layers()) {
      throw input_error("skipping: beta has {} numbers, the model has {} MoE layers; give one number or one for each", betas_.size(), config.moe_layers());
    }
  }

  PrunePlan plan(const PruneInputs& inputs) const override {
    const CalibrationStats stats = calibrates() ? inputs.observe({Observed::kSkipRatios}) : CalibrationStats{};
    PrunePlan plan{.steps = {{{"rule", inputs.config.router.experts_per_token == 2 ? "p(2) < beta * p(1)"
                                                                                   : "extension to top-k > 2: sum of later weights < beta * sum of earlier"}}}};
    for (int layer = 0; layer < std::ssize(inputs.config.layers); ++layer) {
      if (inputs.config.layers[layer].mlp != LayerConfig::Mlp::kMoe) continue;
      const double beta = calibrates() ? median_ratio(stats.layers[layer].skip_ratios) : betas_.size() == 1 ? betas_.front() : betas_[plan.layers.size()];
      plan.layers.push_back({.layer = layer, .beta = beta});
    }
    return plan;
  }

 private:
  static double median_ratio(const at::Tensor& ratios) {
    const at::Tensor values = ratios.to(at::kDouble).contiguous();
    return median({values.const_data_ptr<double>(), static_cast<std::size_t>(values.numel())});
  }

  std::vector<double> betas_;  // empty: medians
};

const Registration<Pruner> kRegistration{{
    .name = "skipping",
    .version = 1,
    .summary = "skips a token's later experts at inference where the router gives them little (Lu et al.)",
    .settings = {{.name = "beta",
                  .types = {SettingType::kString, SettingType::kNumber, SettingType::kNumberList},
                  .default_value = "median",
                  .summary = "threshold: \"median\" of w(k)/w(1) over the calibration tokens, a number, or a number for each MoE layer",
                  .choices = {"median"},
                  .minimum = 0}},
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Skipping>(params); },
}};

}  // namespace
}  // namespace winnow
