#include "pruners/shared/score_experts.h"

namespace winnow {
namespace {

// Mean squared activation norm (2606.15716): gate-free and frequency-free.
class Msan : public Pruner {
 public:
  explicit Msan(const Params& params) : count_(ExpertCount::from(params)) {}

  bool calibrates() const override { return true; }
  void check(const ModelConfig& config) const override { count_.check("msan", config); }

  PrunePlan plan(const PruneInputs& inputs) const override {
    return keep_highest("msan", inputs, count_, inputs.observe({Observed::kOutputNorms}),
                        [&](const LayerStats& layer) { return mean_over_chosen(layer.output_square_norm, layer); });
  }

 private:
  ExpertCount count_;
};

const Registration<Pruner> kRegistration{{
    .name = "msan",
    .version = 1,
    .summary = "drops the experts with the smallest mean squared activation norm",
    .settings = with_expert_count({}),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Msan>(params); },
}};

}  // namespace
}  // namespace winnow
