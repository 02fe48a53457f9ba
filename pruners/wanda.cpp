#include "pruners/shared/weight_methods.h"

namespace winnow {
namespace {

// Wanda (2306.11695): the lowest |W| · ‖X_j‖₂ of every output row go, no weight is updated.
class Wanda : public Pruner {
 public:
  explicit Wanda(const Params& params)
      : amount_(AmountSetting::from("wanda", params)),
        is_sequential_(params.get<std::string>("statistics") == "sequential"),
        counts_empty_calls_(params.find<bool>("count_empty_calls")) {}

  Target target() const override { return Target::kWeights; }
  bool calibrates() const override { return true; }
  void check(const ModelConfig&) const override {}

  PrunePlan plan(const PruneInputs& inputs) const override {
    const Amount amount = amount_.of(inputs);
    const bool counts_empty = counts_empty_calls(counts_empty_calls_, inputs);
    PrunePlan plan{.scope = inputs.scope};
    if (is_sequential_) {
      mask_layer_by_layer(inputs, plan, [&](LayerWalk& walk, PrunePlan& of_layer) {
        const LayerStats stats = collect_layer_stats(walk, inputs.config, inputs.tensors, {Observed::kInputNorms});
        mask_by_wanda(inputs, walk.layer(), amount, stats.inputs, walk.sequences(), counts_empty, of_layer);
      });
      return plan;
    }
    const CalibrationStats stats = inputs.observe({Observed::kInputNorms});
    for (int layer = 0; layer < std::ssize(inputs.config.layers); ++layer) {
      mask_by_wanda(inputs, layer, amount, stats.layers[layer].inputs, stats.sequences, counts_empty, plan);
    }
    return plan;
  }

 private:
  AmountSetting amount_;
  bool is_sequential_;
  std::optional<bool> counts_empty_calls_;
};

const Registration<Pruner> kRegistration{{
    .name = "wanda",
    .version = 1,
    .summary = "removes the weights with the smallest |weight| times input norm, row by row (Wanda)",
    .settings = AmountSetting::with({
        {.name = "statistics",
         .types = {SettingType::kString},
         .default_value = "sequential",
         .summary = "input norms of each layer after the layers before it were pruned (exact), or of the dense model (one pass for all ratios)",
         .choices = {"sequential", "dense"}},
        {.name = "count_empty_calls",
         .types = {SettingType::kBoolean},
         .summary = "sequences that bring an expert no token count as calls; default: only after stun"},
    }),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Wanda>(params); },
}};

}  // namespace
}  // namespace winnow
