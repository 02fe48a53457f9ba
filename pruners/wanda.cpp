#include "pruners/shared/weight_methods.h"

namespace winnow {
namespace {

// Wanda (2306.11695): the lowest |W| · ‖X_j‖₂ of every output row go, no weight is updated.
class Wanda : public Pruner {
 public:
  explicit Wanda(const Params& params) : rule_("wanda", params, WandaRule::Norms::kInputs) {}

  Target target() const override { return Target::kWeights; }
  bool calibrates() const override { return true; }
  void check(const ModelConfig&) const override {}
  PrunePlan plan(const PruneInputs& inputs) const override { return rule_.plan(inputs); }

 private:
  WandaRule rule_;
};

const Registration<Pruner> kRegistration{{
    .name = "wanda",
    .version = 1,
    .summary = "removes the weights with the smallest |weight| times input norm, row by row (Wanda)",
    .settings = WandaRule::settings(),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Wanda>(params); },
}};

}  // namespace
}  // namespace winnow
