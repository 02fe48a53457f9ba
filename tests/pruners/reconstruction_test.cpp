#include "tests/pruners/golden.h"

namespace winnow {
namespace {

class Reconstruction : public testing::TestWithParam<const char*> {};

TEST_P(Reconstruction, LossesAndChoicesEqualTheAuthorsCode) {
  test::GoldenModel golden(GetParam());
  const Json expected = golden.expected("lu");
  for (const auto& [name, recorded] : expected.items()) {
    const std::string mode = name.substr(3);
    const PrunePlan plan =
        golden.plan(std::vector<Json>{Json{{"pruner", "reconstruction"}, {"experts_kept", std::stoi(name.substr(1, 1))}, {"mode", mode}, {"batch", 8}}});
    for (const LayerPlan& layer : plan.layers) {
      const Json& of_reference = recorded.at(fmt::format("layer{}", layer.layer));
      EXPECT_EQ(Json(layer.kept), of_reference.at("kept")) << name << " layer " << layer.layer;
      ASSERT_EQ(layer.losses.size(), of_reference.at("loss").size());
      for (std::size_t i = 0; i < layer.losses.size(); ++i) {
        EXPECT_NEAR(layer.losses[i].loss / of_reference.at("loss")[i].get<double>(), 1.0, 1e-5) << name << " layer " << layer.layer << " subset " << i;
      }
    }
    golden.expect_evaluation(plan, recorded.at("eval"), "lu_" + name);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Reconstruction, testing::Values("mixtral8", "qwen8"), [](const auto& info) { return std::string(info.param); });

TEST(ReconstructionGreedily, FindsTheSameLossForTheSameSubset) {
  test::GoldenModel golden("mixtral8");
  const PrunePlan greedy = golden.plan(std::vector<Json>{Json{{"pruner", "reconstruction"}, {"experts_kept", 5}, {"search", "greedy"}}});
  const PrunePlan exhaustive = golden.plan(std::vector<Json>{Json{{"pruner", "reconstruction"}, {"experts_kept", 5}}});
  for (std::size_t layer = 0; layer < greedy.layers.size(); ++layer) {
    const SubsetLoss& last = greedy.layers[layer].losses.back();
    const auto same = std::ranges::find(exhaustive.layers[layer].losses, last.dropped, &SubsetLoss::dropped);
    ASSERT_NE(same, exhaustive.layers[layer].losses.end());
    EXPECT_NEAR(last.loss / same->loss, 1.0, 1e-9);
  }
}

TEST(ReconstructionCheck, RefusesMoreSubsetsThanItCanScoreBeforeCalibrating) {
  const auto pruner = Registry<Pruner>::instance().make("reconstruction", {{"experts_kept", 32}});
  ModelConfig config{.model_type = "mixtral", .router = {.experts_per_token = 2}, .layers = {{.mlp = LayerConfig::Mlp::kMoe, .experts = 64}}};
  EXPECT_ERROR_HAS(pruner->check(config), kInput, "subsets of 32 of 64 experts, more than 100000; set \"search\": \"greedy\"");
}

}  // namespace
}  // namespace winnow
