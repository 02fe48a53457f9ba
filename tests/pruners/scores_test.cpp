#include "tests/pruners/golden_checks.h"

namespace winnow {
namespace {

class Scores : public testing::TestWithParam<const char*> {};

TEST_P(Scores, AndKeptSetsEqualTheRecordedOnes) { expect_recorded_scores(GetParam()); }

TEST_P(Scores, TheUnprunedModelIsTheRecordedOne) {
  test::GoldenModel golden(GetParam());
  golden.expect_evaluation({}, golden.expected("base").at("eval"), "base");
}

INSTANTIATE_TEST_SUITE_P(Models, Scores, testing::Values("mixtral8", "mixtral16", "qwen8"), [](const auto& info) { return std::string(info.param); });

TEST(Reap, FollowsTheModelsNormTopkProbUnlessTold) {
  test::GoldenModel golden("mixtral8");
  const auto scores = [&](const Json& step) { return golden.plan(std::vector{step}).layers[0].scores; };
  EXPECT_EQ(scores({{"pruner", "reap"}, {"experts_kept", 6}}), scores({{"pruner", "reap"}, {"experts_kept", 6}, {"renormalize", false}}));
  EXPECT_NE(scores({{"pruner", "reap"}, {"experts_kept", 6}}), scores({{"pruner", "reap"}, {"experts_kept", 6}, {"renormalize", true}}));
}

}  // namespace
}  // namespace winnow
