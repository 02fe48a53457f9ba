#include <algorithm>

#include "harness/api/pruner.h"
#include "harness/core/python_random.h"
#include "pruners/shared/expert_count.h"

namespace winnow {
namespace {

// Drops experts drawn without replacement, every layer by itself from one seeded stream: the baseline that any method has to beat.
class Random : public Pruner {
 public:
  explicit Random(const Params& params) : count_(ExpertCount::from(params)), seed_(params.get<std::uint64_t>("seed")) {}

  void check(const ModelConfig& config) const override { count_.check("random", config); }

  PrunePlan plan(const PruneInputs& inputs) const override {
    PrunePlan plan;
    PythonRandom random(seed_);
    for (int layer = 0; layer < std::ssize(inputs.config.layers); ++layer) {
      const LayerConfig& of_model = inputs.config.layers[layer];
      if (of_model.mlp != LayerConfig::Mlp::kMoe) continue;
      const std::vector<std::size_t> drawn = random.sample(of_model.experts, count_.kept_of(of_model.experts));
      LayerPlan decided{.layer = layer, .kept = {drawn.begin(), drawn.end()}};
      std::ranges::sort(decided.kept);
      plan.layers.push_back(std::move(decided));
    }
    return plan;
  }

 private:
  ExpertCount count_;
  std::uint64_t seed_;
};

const Registration<Pruner> kRegistration{{
    .name = "random",
    .version = 1,
    .summary = "drops experts at random, the same number in every layer",
    .settings = with_expert_count({{.name = "seed", .types = {SettingType::kInteger}, .default_value = 0, .summary = "of the draw", .minimum = 0}}),
    .make = [](const Params& params) -> std::unique_ptr<Pruner> { return std::make_unique<Random>(params); },
}};

}  // namespace
}  // namespace winnow
