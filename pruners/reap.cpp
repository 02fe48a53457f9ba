#include "pruners/shared/score_experts.h"

namespace winnow {
namespace {

// REAP (2510.13999, eq. 9): S_e = mean over X_e of g_e(x) · ‖f_e(x)‖₂, g the softmax over all experts, divided by the sum of the token's top-k where renormalised.
class Reap : public Pruner {
 public:
  explicit Reap(const Params& params) : count_(ExpertCount::from(params)), renormalize_(params.find<bool>("renormalize")), sum_(params.get<bool>("sum")) {}

  bool calibrates() const override { return true; }
  void check(const ModelConfig& config) const override { count_.check("reap", config); }

  PrunePlan plan(const PruneInputs& inputs) const override {
    // The authors' code renormalises only where config.json has norm_topk_prob true: never on Mixtral, which has no such key.
    const Json& original = inputs.config.original;
    const bool renormalize = renormalize_.value_or(original.contains("norm_topk_prob") && original.at("norm_topk_prob") == true);
    return keep_highest("reap", inputs, count_, inputs.observe({Observed::kOutputNorms}), [&](const LayerStats& layer) {
      const at::Tensor& sums = renormalize ? layer.renormalized_norm : layer.probability_norm;
      return sum_ ? sums : mean_over_chosen(sums, layer);
    });
  }

 private:
  ExpertCount count_;
  std::optional<bool> renormalize_;
  bool sum_;
};

const Registration<Pruner> kRegistration{{
    .name = "reap",
    .version = 1,
    .summary = "drops the experts with the smallest router-weighted activation (REAP)",
    .settings = with_expert_count({
        {.name = "renormalize",
         .types = {SettingType::kBoolean},
         .summary = "divide gate weights by the sum of the token's top-k; default: as the model's norm_topk_prob"},
        {.name = "sum", .types = {SettingType::kBoolean}, .default_value = false, .summary = "sum over the tokens that chose the expert instead of the mean"},
    }),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Reap>(params); },
}};

}  // namespace
}  // namespace winnow
