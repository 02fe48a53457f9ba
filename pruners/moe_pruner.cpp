#include "pruners/shared/weight_methods.h"

namespace winnow {
namespace {

// MoE-Pruner (2410.12013, eq. 9): Wanda on the experts, each token's input multiplied by the gate weight it gives the expert before the norm.
class MoePruner : public Pruner {
 public:
  explicit MoePruner(const Params& params) : rule_("moe_pruner", params, WandaRule::Norms::kGatedInputs) {}

  Target target() const override { return Target::kWeights; }
  bool calibrates() const override { return true; }
  void check(const ModelConfig& config) const override {
    if (config.moe_layers() == 0) throw input_error("moe_pruner: the model ({}) has no experts; choose a Mixture-of-Experts model", config.model_type);
  }

  PrunePlan plan(const PruneInputs& given) const override {
    PruneInputs inputs = given;
    inputs.scope = "experts";
    return rule_.plan(inputs);
  }

 private:
  WandaRule rule_;
};

const Registration<Pruner> kRegistration{{
    .name = "moe_pruner",
    .version = 1,
    .summary = "Wanda on the experts with router-weighted input norms (MoE-Pruner)",
    .settings = WandaRule::settings(),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<MoePruner>(params); },
}};

}  // namespace
}  // namespace winnow
