#include "tests/pruners/golden.h"

namespace winnow {
namespace {

struct Score {
  const char* recorded;
  Json step;
};

const std::vector<Score>& scores() {
  static const std::vector<Score> scores = {
      {"frequency", {{"pruner", "frequency"}}},
      {"weighted_frequency_prob", {{"pruner", "router_score"}}},
      {"ean_sum", {{"pruner", "ean"}}},
      {"ean_mean", {{"pruner", "ean"}, {"sum", false}}},
      {"msan", {{"pruner", "msan"}}},
      {"weighted_ean_sum_prob", {{"pruner", "reap"}, {"renormalize", false}, {"sum", true}}},
      {"reap_prob", {{"pruner", "reap"}, {"renormalize", false}}},
      {"reap_renorm", {{"pruner", "reap"}, {"renormalize", true}}},
  };
  return scores;
}

class Scores : public testing::TestWithParam<const char*> {};

TEST_P(Scores, AndKeptSetsEqualTheRecordedOnes) {
  test::GoldenModel golden(GetParam());
  const Json expected = golden.expected("expert_scores");
  for (const Score& score : scores()) {
    for (const double ratio : {0.25, 0.5}) {
      Json step = score.step;
      step["ratio"] = ratio;
      const PrunePlan plan = golden.plan(std::vector{step});
      const std::string name = fmt::format("{}@{}", score.recorded, ratio);
      for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
        EXPECT_EQ(Json(plan.layers[layer].kept), expected.at("kept").at(name).at("kept")[layer]) << name << " layer " << layer;
        const Json& values = expected.at("scores").at(score.recorded)[layer];
        for (std::size_t expert = 0; expert < values.size(); ++expert) {
          EXPECT_NEAR(plan.layers[layer].scores[expert] / values[expert].get<double>(), 1.0, 1e-5) << name << " layer " << layer << " expert " << expert;
        }
      }
      if (expected.at("eval").contains(name)) golden.expect_evaluation(plan, expected.at("eval").at(name), name);
    }
  }
}

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
