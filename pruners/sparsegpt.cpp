#include "pruners/shared/weight_methods.h"

namespace winnow {
namespace {

// SparseGPT (2301.00774): what is removed is made good by the weights that stay, column by column.
class SparseGpt : public Pruner {
 public:
  explicit SparseGpt(const Params& params)
      : amount_(AmountSetting::from("sparsegpt", params)),
        settings_{.block = params.get<std::int64_t>("block"), .damping = params.get<double>("damping")},
        counts_empty_calls_(params.find<bool>("count_empty_calls")) {}

  Target target() const override { return Target::kWeights; }
  bool calibrates() const override { return true; }
  void check(const ModelConfig&) const override {}

  PrunePlan plan(const PruneInputs& inputs) const override {
    const Amount amount = amount_.of(inputs);
    SparseGptSettings settings = settings_;
    settings.counts_empty_calls = counts_empty_calls(counts_empty_calls_, inputs);
    PrunePlan plan{.scope = inputs.scope};
    mask_layer_by_layer(inputs, plan, [&](LayerWalk& walk, PrunePlan& of_layer) { mask_by_sparsegpt(inputs, walk, amount, settings, of_layer); });
    return plan;
  }

 private:
  AmountSetting amount_;
  SparseGptSettings settings_;
  std::optional<bool> counts_empty_calls_;
};

const Registration<Pruner> kRegistration{{
    .name = "sparsegpt",
    .version = 1,
    .summary = "removes weights block by block and updates the others to make up for them (SparseGPT)",
    .settings = AmountSetting::with({
        {.name = "block", .types = {SettingType::kInteger}, .default_value = 128, .summary = "columns decided together", .minimum = 1},
        {.name = "damping",
         .types = {SettingType::kNumber},
         .default_value = 0.01,
         .summary = "share of the Hessian's mean diagonal added to its diagonal",
         .minimum = 0},
        empty_calls_setting(),
    }),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<SparseGpt>(params); },
}};

}  // namespace
}  // namespace winnow
