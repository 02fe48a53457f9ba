#include "pruners/shared/score_experts.h"

namespace winnow {
namespace {

// Expert activation norm (MC-Suite, 2504.05586): the sum, or the mean, of the norms of an expert's outputs.
class Ean : public Pruner {
 public:
  explicit Ean(const Params& params) : count_(ExpertCount::from(params)), sum_(params.get<bool>("sum")) {}

  bool calibrates() const override { return true; }
  void check(const ModelConfig& config) const override { count_.check("ean", config); }

  PrunePlan plan(const PruneInputs& inputs) const override {
    return keep_highest("ean", inputs, count_, inputs.observe({Observed::kOutputNorms}),
                        [&](const LayerStats& layer) { return sum_ ? layer.output_norm : mean_over_chosen(layer.output_norm, layer); });
  }

 private:
  ExpertCount count_;
  bool sum_;
};

const Registration<Pruner> kRegistration{{
    .name = "ean",
    .version = 1,
    .summary = "drops the experts with the smallest activation norm",
    .settings = with_expert_count(
        {{.name = "sum", .types = {SettingType::kBoolean}, .default_value = true, .summary = "sum over the tokens that chose the expert; false: mean"}}),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Ean>(params); },
}};

}  // namespace
}  // namespace winnow
