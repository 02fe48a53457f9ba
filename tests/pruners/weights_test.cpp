#include "harness/core/digest.h"
#include "harness/engine/device_path.h"
#include "pruners/shared/weight_masks.h"
#include "tests/pruners/golden_checks.h"

namespace winnow {
namespace {

class Weights : public testing::TestWithParam<const char*> {};

TEST_P(Weights, MasksEqualTheAuthorsCode) { expect_recorded_masks(GetParam()); }

TEST_P(Weights, AfterStunReachTheTotalAsTheAuthorsForksDo) {
  test::GoldenModel golden(GetParam());
  const Json stage2 = golden.expected("weights").value("stun_stage2", Json::object());
  if (stage2.empty()) GTEST_SKIP() << "nothing was recorded for this model";
  const std::string stage1 = stage2.at("stage1");
  const Json search = golden.expected("stun").at("search").at(stage1);
  for (const auto& [name, recorded] : stage2.at("variants").items()) {
    Json second = {{"pruner", name.starts_with("stun_owl") ? "owl" : "wanda"}};
    if (recorded.contains("lam")) second["lambda"] = recorded.at("lam"), second["outlier_multiple"] = recorded.at("M");
    PlanRequest request = golden.request({Json{{"pruner", "stun"},
                                               {"distance", "router_normalized"},
                                               {"experts_total", search.at("target")},
                                               {"merge_max_clusters", search.at("merge_max_clusters")}},
                                          second});
    request.total_sparsity = recorded.at("total").get<double>();
    const PrunePlan plan = make_plan(request);
    expect_masks(plan, stage2.at("matrices"), recorded, name);
    EXPECT_NEAR(plan.realised->experts, recorded.at("realised_total_experts").get<double>(), 1e-6) << name;
    EXPECT_NEAR(plan.realised->linears, recorded.at("realised_total_linears").get<double>(), 1e-6) << name;
    golden.expect_evaluation(plan, recorded.at("eval"), name);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Weights, testing::Values("mixtral8", "mixtral16", "qwen8"), [](const auto& info) { return std::string(info.param); });

TEST(WeightMasks, RemoveFromTheLeftWhereScoresAreEqual) {
  const at::Tensor scores = at::tensor({3.F, 1.F, 1.F, 1.F, 0.F, 2.F}).view({1, 6});
  EXPECT_TRUE(keep_all_but_lowest_of_rows(scores, 3).equal(at::tensor({1, 0, 0, 1, 0, 1}).to(at::kBool).view({1, 6})));
  EXPECT_TRUE(keep_all_but_lowest_of_groups(scores, 2, 4).equal(at::tensor({1, 0, 0, 1, 0, 0}).to(at::kBool).view({1, 6})));
  EXPECT_TRUE(keep_all_but_lowest_of_rows(scores, 0).all().item<bool>());
  EXPECT_FALSE(keep_all_but_lowest_of_rows(scores, 6).any().item<bool>());
}

TEST(WeightMasks, FindTheLowestOnDevicesAsElsewhere) {
  const at::Tensor scores = at::tensor({3.0f, 1.0f, 2.0f, 2.0f, 1.0f, 5.0f}).view({2, 3});
  for (const std::int64_t place : {0, 1, 2, 4, 5}) {
    const float expected = lowest(scores, place).item<float>();
    EXPECT_EQ(expected, (std::vector<float>{1, 1, 2, 2, 3, 5})[static_cast<std::size_t>(place)]);
    const ForceDevicePath forced;
    EXPECT_EQ(lowest(scores, place).item<float>(), expected) << place;
  }
}

TEST(Skipping, BetasAndModelsEqualTheAuthorsCode) {
  test::GoldenModel golden("mixtral8");
  const Json expected = golden.expected("skip");
  for (const auto& [name, recorded] : expected.items()) {
    std::vector<Json> steps;
    if (name != "none") steps.push_back({{"pruner", "reconstruction"}, {"experts_kept", std::stoi(name.substr(4, 1))}});
    steps.push_back({{"pruner", "skipping"}});
    const PrunePlan plan = golden.plan(steps);
    for (std::size_t layer = 0; layer < plan.layers.size(); ++layer)
      EXPECT_NEAR(*plan.layers[layer].beta / recorded.at("beta_median")[layer].get<double>(), 1.0, 1e-6) << name;
    const Model model = golden.load(plan);
    std::int64_t skips = 0;
    for (const auto& prompt : golden.prompts()) {
      const PackedBatch batch{.tokens = prompt, .segments = {{.first_row = 0, .rows = std::ssize(prompt)}}};
      forward(model, batch, {0}, {.routing = [&](int, const Routing& routing) { skips += (routing.weights == 0).sum().item<std::int64_t>(); }});
    }
    std::int64_t recorded_skips = 0;
    for (const Json& count : recorded.at("prompt_skips")) recorded_skips += count.get<std::int64_t>();
    EXPECT_EQ(skips, recorded_skips) << name;
    golden.expect_evaluation(plan, recorded.at("eval"), "skip_" + name);
  }
}

class HcSmoe : public testing::TestWithParam<const char*> {};

TEST_P(HcSmoe, GroupsAndMergedModelsEqualTheAuthorsCode) {
  test::GoldenModel golden(GetParam());
  const Json expected = golden.expected("merging");
  for (const auto& [name, recorded] : expected.items()) {
    const PrunePlan plan = golden.plan({Json{{"pruner", "hc_smoe"}, {"groups", std::stoi(name.substr(7))}}});
    for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
      std::vector<int> labels(recorded.at("groups")[layer].size());
      for (std::size_t group = 0; group < plan.layers[layer].clusters.size(); ++group) {
        for (const int expert : plan.layers[layer].clusters[group]) labels[expert] = static_cast<int>(group);
      }
      EXPECT_EQ(Json(labels), recorded.at("groups")[layer]) << name << " layer " << layer;
    }
    golden.expect_evaluation(plan, recorded.at("eval"), name);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, HcSmoe, testing::Values("mixtral8", "mixtral16"), [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace winnow
