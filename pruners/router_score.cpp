#include "pruners/shared/score_experts.h"

namespace winnow {
namespace {

// Keeps the experts with the largest sum of router probabilities over the tokens that chose them (soft counting; SEER-MoE).
class RouterScore : public Pruner {
 public:
  explicit RouterScore(const Params& params) : count_(ExpertCount::from(params)) {}

  bool calibrates() const override { return true; }
  void check(const ModelConfig& config) const override { count_.check("router_score", config); }

  PrunePlan plan(const PruneInputs& inputs) const override {
    return keep_highest("router_score", inputs, count_, inputs.observe({Observed::kGates}), [&](const LayerStats& layer) { return layer.gate_probability; });
  }

 private:
  ExpertCount count_;
};

const Registration<Pruner> kRegistration{{
    .name = "router_score",
    .version = 1,
    .summary = "drops the experts with the least router probability over the tokens that chose them",
    .settings = with_expert_count({}),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<RouterScore>(params); },
}};

}  // namespace
}  // namespace winnow
