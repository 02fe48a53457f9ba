#include "pruners/shared/weight_methods.h"

namespace winnow {
namespace {

// MoE-Pruner (2410.12013, eq. 9): Wanda on the experts, each token's input multiplied by the gate weight it gives the expert before the norm.
class MoePruner : public Pruner {
 public:
  explicit MoePruner(const Params& params)
      : amount_(AmountSetting::from("moe_pruner", params)),
        is_sequential_(params.get<std::string>("statistics") == "sequential"),
        counts_empty_calls_(params.find<bool>("count_empty_calls")) {}

  Target target() const override { return Target::kWeights; }
  bool calibrates() const override { return true; }
  void check(const ModelConfig& config) const override {
    if (config.moe_layers() == 0) throw input_error("moe_pruner: the model ({}) has no experts; choose a Mixture-of-Experts model", config.model_type);
  }

  PrunePlan plan(const PruneInputs& given) const override {
    PruneInputs inputs = given;
    inputs.scope = "experts";
    const Amount amount = amount_.of(inputs);
    const bool counts_empty = counts_empty_calls(counts_empty_calls_, inputs);
    PrunePlan plan{.scope = inputs.scope};
    if (is_sequential_) {
      mask_layer_by_layer(inputs, plan, [&](LayerWalk& walk, PrunePlan& of_layer) {
        const LayerStats stats = collect_layer_stats(walk, inputs.config, inputs.tensors, {Observed::kGateInputNorms});
        mask_by_wanda(inputs, walk.layer(), amount, stats.gated_inputs, walk.sequences(), counts_empty, of_layer);
      });
      return plan;
    }
    const CalibrationStats stats = inputs.observe({Observed::kGateInputNorms});
    for (int layer = 0; layer < std::ssize(inputs.config.layers); ++layer) {
      mask_by_wanda(inputs, layer, amount, stats.layers[layer].gated_inputs, stats.sequences, counts_empty, plan);
    }
    return plan;
  }

 private:
  AmountSetting amount_;
  bool is_sequential_;
  std::optional<bool> counts_empty_calls_;
};

const Registration<Pruner> kRegistration{{
    .name = "moe_pruner",
    .version = 1,
    .summary = "Wanda on the experts with router-weighted input norms (MoE-Pruner)",
    .settings = AmountSetting::with({
        {.name = "statistics",
         .types = {SettingType::kString},
         .default_value = "sequential",
         .summary = "input norms of each layer after the layers before it were pruned, or of the dense model",
         .choices = {"sequential", "dense"}},
        {.name = "count_empty_calls",
         .types = {SettingType::kBoolean},
         .summary = "sequences that bring an expert no token count as calls; default: only after stun"},
    }),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<MoePruner>(params); },
}};

}  // namespace
}  // namespace winnow
