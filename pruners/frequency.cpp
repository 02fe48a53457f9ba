#include "pruners/shared/score_experts.h"

namespace winnow {
namespace {

// Keeps the experts that most tokens chose (the baseline of Lu et al., 2402.14800, table 2).
class Frequency : public Pruner {
 public:
  explicit Frequency(const Params& params) : count_(ExpertCount::from(params)) {}

  bool calibrates() const override { return true; }
  void check(const ModelConfig& config) const override { count_.check("frequency", config); }

  PrunePlan plan(const PruneInputs& inputs) const override {
    return keep_highest("frequency", inputs, count_, inputs.observe({Observed::kCounts}), [&](const LayerStats& layer) { return layer.count; });
  }

 private:
  ExpertCount count_;
};

const Registration<Pruner> kRegistration{{
    .name = "frequency",
    .version = 1,
    .summary = "drops the experts that the fewest calibration tokens chose",
    .settings = with_expert_count({}),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Frequency>(params); },
}};

}  // namespace
}  // namespace winnow
