#include "tests/pruners/golden_checks.h"

namespace winnow {
namespace {

class PruningOnDevice : public test::OnDevice, public testing::WithParamInterface<const char*> {};

TEST_P(PruningOnDevice, MasksEqualTheAuthorsCode) { expect_recorded_masks(GetParam()); }

TEST_P(PruningOnDevice, ScoresAndKeptSetsEqualTheRecordedOnes) { expect_recorded_scores(GetParam()); }

TEST_P(PruningOnDevice, TheUnprunedModelIsTheRecordedOne) {
  test::GoldenModel golden(GetParam());
  golden.expect_evaluation({}, golden.expected("base").at("eval"), "base");
}

// What every pruner decides on the device is what it decides on the CPU.
TEST_P(PruningOnDevice, ExpertsAreThoseOfTheCpu) {
  const std::vector<Json> steps = {{{"pruner", "reconstruction"}, {"ratio", 0.25}, {"search", "greedy"}},
                                   {{"pruner", "stun"}, {"distance", "coactivation"}, {"ratio", 0.25}},
                                   {{"pruner", "hc_smoe"}, {"ratio", 0.25}},
                                   {{"pruner", "skipping"}}};
  test::GoldenModel golden(GetParam());
  for (const Json& step : steps) {
    const PrunePlan there = golden.plan({step});
    const PrunePlan here = on_cpu([&] { return golden.plan({step}); });
    ASSERT_EQ(there.layers.size(), here.layers.size()) << step;
    for (std::size_t layer = 0; layer < here.layers.size(); ++layer) {
      EXPECT_EQ(there.layers[layer].kept, here.layers[layer].kept) << step << " layer " << layer;
      EXPECT_EQ(there.layers[layer].clusters, here.layers[layer].clusters) << step << " layer " << layer;
      if (here.layers[layer].beta) EXPECT_NEAR(*there.layers[layer].beta, *here.layers[layer].beta, 1e-5) << step << " layer " << layer;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PruningOnDevice, testing::Values("mixtral8", "mixtral16", "qwen8"), [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace winnow
