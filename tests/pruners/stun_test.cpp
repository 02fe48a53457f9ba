#include "pruners/shared/stun_clusters.h"

#include "tests/pruners/golden.h"

namespace winnow {
namespace {

// Vectors of specs §1.4, checked against the authors' select_expert_pairs.
at::Tensor by_rows(std::initializer_list<std::initializer_list<float>> rows) {
  std::vector<at::Tensor> tensors;
  for (const auto& row : rows) tensors.push_back(at::tensor(std::vector<float>(row)));
  return at::stack(tensors);
}

at::Tensor six_by_six() {
  const at::Tensor a = by_rows({{0, 9, 7, 1, 0, 2}, {9, 0, 4, 2, 1, 0}, {7, 4, 0, 3, 0, 1}, {1, 2, 3, 0, 8, 6}, {0, 1, 0, 8, 0, 5}, {2, 0, 1, 6, 5, 0}});
  return -a / a.mean().abs();
}

TEST(ExpertClustering, JoinsByCoactivation) {
  const ExpertClustering clustering(six_by_six());
  EXPECT_EQ(clustering.at_threshold(0.5), (Clusters{{0, 1, 2, 3, 4, 5}}));
  for (const double threshold : {-0.001, -0.5, -1.0}) EXPECT_EQ(clustering.at_threshold(threshold), (Clusters{{0, 1, 2}, {3, 4, 5}}));
  for (const double threshold : {-1.5, -1.7}) EXPECT_EQ(clustering.at_threshold(threshold), (Clusters{{0, 1}, {2}, {3, 4, 5}}));
  for (const double threshold : {-2.0, -2.5}) EXPECT_EQ(clustering.at_threshold(threshold), (Clusters{{0, 1}, {2}, {3, 4}, {5}}));
  EXPECT_EQ(clustering.at_threshold(-3.2), (Clusters{{0, 1}, {2}, {3}, {4}, {5}}));
}

TEST(ExpertClustering, IsNotCompleteLinkage) {
  const at::Tensor a = by_rows({{0, 10, 8, 8}, {10, 0, 8, 1}, {8, 8, 0, 10}, {8, 1, 10, 0}});
  EXPECT_EQ(ExpertClustering(-a / a.mean().abs()).at_threshold(-1.1), (Clusters{{0, 1, 2, 3}}));
}

TEST(ExpertClustering, JoinsByRouterRows) {
  const at::Tensor rows = by_rows({{1, 0}, {0.9F, 0.1F}, {0, 1}, {0.1F, 0.8F}, {-1, -1}});
  const ExpertClustering clustering(at::cdist(rows, rows));
  EXPECT_EQ(clustering.at_threshold(0.1).size(), 5u);
  EXPECT_EQ(clustering.at_threshold(0.2), (Clusters{{0, 1}, {2}, {3}, {4}}));
  EXPECT_EQ(clustering.at_threshold(0.3), (Clusters{{0, 1}, {2, 3}, {4}}));
  for (const double threshold : {1.5, 2.0}) EXPECT_EQ(clustering.at_threshold(threshold), (Clusters{{0, 1, 2, 3}, {4}}));
  EXPECT_EQ(clustering.at_threshold(2.3).size(), 1u);
}

TEST(SearchThreshold, WalksAsTheReferenceDoes) {
  const ExpertClustering layer(six_by_six());
  const auto total = [&](double threshold) { return 2 * std::ssize(layer.at_threshold(threshold)); };
  const auto totals = [&](std::int64_t target) {
    std::vector<std::int64_t> seen;
    for (const auto& [threshold, reached] : search_threshold(target, total).trials) seen.push_back(reached);
    return seen;
  };
  EXPECT_EQ(totals(8), (std::vector<std::int64_t>{2, 2, 4, 4, 8}));
  EXPECT_EQ(totals(6), (std::vector<std::int64_t>{2, 2, 4, 4, 8, 6}));
  const ThresholdSearch never = search_threshold(7, total);
  EXPECT_FALSE(never.found);
  EXPECT_NEAR(never.trials.back().first, -1.8367, 1e-2);
}

Json distance_of(const std::string& variant) {
  if (variant.starts_with("mixed_")) return {{"pruner", "stun"}, {"distance", "mixed"}, {"mix_weight", std::stod(variant.substr(6))}};
  const std::map<std::string, std::string> names = {
      {"router", "router"}, {"router_divnorm", "router_normalized"}, {"coact_raw", "coactivation"}, {"coact_mean", "coactivation_normalized"}};
  return {{"pruner", "stun"}, {"distance", names.at(variant)}};
}

class Stun : public testing::TestWithParam<const char*> {};

TEST_P(Stun, ClustersAsTheAuthorsCodeDoes) {
  test::GoldenModel golden(GetParam());
  const Json expected = golden.expected("stun");
  for (const auto& [name, recorded] : expected.at("thresholds").items()) {
    const std::size_t at = name.find('@');
    Json step = distance_of(name.substr(0, at));
    step["threshold"] = std::stod(name.substr(at + 1));
    const PrunePlan plan = golden.plan(std::vector{step});
    for (std::size_t layer = 0; layer < plan.layers.size(); ++layer)
      EXPECT_EQ(Json(plan.layers[layer].clusters), recorded.at("clusters")[layer]) << name << " layer " << layer;
  }
}

TEST_P(Stun, SearchesThresholdsAndKeepsRepresentativesAsTheAuthorsCodeDoes) {
  test::GoldenModel golden(GetParam());
  const Json expected = golden.expected("stun");
  for (const auto& [name, recorded] : expected.at("search").items()) {
    Json step = distance_of(name.substr(0, name.rfind("_t")));
    step["experts_total"] = recorded.at("target");
    step["merge_max_clusters"] = recorded.at("merge_max_clusters");
    if (!recorded.at("found").get<bool>()) {
      EXPECT_ERROR_HAS(golden.plan(std::vector{step}), kInput, "no threshold leaves");
      continue;
    }
    const PrunePlan plan = golden.plan(std::vector{step});
    EXPECT_EQ(Json(plan.search), recorded.at("trace")) << name;
    for (std::size_t layer = 0; layer < plan.layers.size(); ++layer) {
      const LayerPlan& decided = plan.layers[layer];
      const Json& of_reference = recorded.at("layers")[layer];
      EXPECT_EQ(Json(decided.clusters), of_reference.at("clusters")) << name << " layer " << layer;
      EXPECT_EQ(decided.merged, of_reference.at("merged").get<bool>()) << name << " layer " << layer;
      if (decided.merged) continue;
      EXPECT_EQ(Json(decided.representatives), of_reference.at("representative")) << name << " layer " << layer;
    }
    if (recorded.contains("eval")) golden.expect_evaluation(plan, recorded.at("eval"), "stun_" + name);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Stun, testing::Values("mixtral8", "mixtral16"), [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace winnow
