#include <algorithm>
#include <set>

#include "tests/pruners/golden.h"
#include "tests/pruners/small_mixtral.h"

namespace winnow {
namespace {

// Settings under which each registered pruner can work on mixtral8. A new pruner is tested here the moment it has a line.
const std::map<std::string, Json>& workable() {
  static const std::map<std::string, Json> settings = {
      {"random", {{"experts_kept", 5}}},
      {"frequency", {{"experts_kept", 5}}},
      {"router_score", {{"experts_kept", 5}}},
      {"ean", {{"experts_kept", 5}}},
      {"msan", {{"experts_kept", 5}}},
      {"reap", {{"experts_kept", 5}}},
      {"reconstruction", {{"experts_kept", 5}}},
      {"stun", {{"distance", "coactivation"}, {"ratio", 0.25}}},
      {"hc_smoe", {{"groups", 5}}},
      {"skipping", Json::object()},
      {"magnitude", {{"sparsity", 0.5}}},
      {"wanda", {{"sparsity", 0.5}}},
      {"sparsegpt", {{"sparsity", 0.5}}},
      {"owl", {{"sparsity", 0.5}}},
      {"moe_pruner", {{"sparsity", 0.5}}},
  };
  return settings;
}

std::vector<std::string> planning_pruners() {
  std::vector<std::string> names = Registry<Pruner>::instance().names();
  std::erase(names, "plan");  // carries out what others planned; see RecordedPlan below
  return names;
}

class EveryPruner : public testing::TestWithParam<std::string> {
 protected:
  Json step() const {
    Json step = workable().at(GetParam());
    step["pruner"] = GetParam();
    return step;
  }
  CalibrationTokens few_tokens() {
    CalibrationTokens few = golden_.calibration();
    few.sequences.resize(4);
    return few;
  }
  test::GoldenModel golden_{"mixtral8"};
};

TEST_P(EveryPruner, GivesTheSamePlanTwice) {
  const CalibrationTokens tokens = few_tokens();
  EXPECT_EQ(plan_to_json(golden_.plan({step()}, tokens)), plan_to_json(golden_.plan({step()}, tokens)));
}

TEST_P(EveryPruner, LeavesTheModelAsItWas) {
  const at::Tensor before = golden_.last_logits(golden_.load({}), golden_.prompts()[0]);
  golden_.plan({step()}, few_tokens());
  EXPECT_TRUE(golden_.last_logits(golden_.load({}), golden_.prompts()[0]).equal(before));
  EXPECT_NO_THROW(golden_.checkpoint().check_unchanged());
}

TEST_P(EveryPruner, GivesAReplayedPlanWithEqualLogits) {
  const PrunePlan plan = golden_.plan({step()}, few_tokens());
  const test::TemporaryFolder folder;
  write_plan(folder / "PLAN.json", plan);
  const PrunePlan replayed = golden_.plan({Json{{"pruner", "plan"}, {"file", (folder / "PLAN.json").string()}}});
  EXPECT_TRUE(golden_.last_logits(golden_.load(replayed), golden_.prompts()[0]).equal(golden_.last_logits(golden_.load(plan), golden_.prompts()[0])));
}

TEST_P(EveryPruner, RecordsWhatItRealised) {
  const PrunePlan plan = golden_.plan({step()}, few_tokens());
  ASSERT_TRUE(plan.realised.has_value());
  if (GetParam() != "skipping" && GetParam() != "hc_smoe") {
    EXPECT_GT(plan.realised->experts, 0.2);
  }
  EXPECT_EQ(plan.steps.at(0).at("pruner"), GetParam());
  EXPECT_EQ(plan.model, golden_.checkpoint().header_sha256());
}

TEST_P(EveryPruner, RejectsASettingItDoesNotKnow) {
  Json settings = workable().at(GetParam());
  settings["raito"] = 0.5;
  EXPECT_ERROR_HAS(Registry<Pruner>::instance().make(GetParam(), settings), kInput, "unknown setting 'raito'");
}

TEST_P(EveryPruner, RefusesARatioThatLeavesFewerExpertsThanTopKBeforeCalibrating) {
  Json settings = workable().at(GetParam());
  if (!settings.contains("experts_kept")) GTEST_SKIP() << "it does not drop a number of experts per layer";
  settings.erase("experts_kept");
  settings["ratio"] = 0.9;
  const auto pruner = Registry<Pruner>::instance().make(GetParam(), settings);
  EXPECT_ERROR_HAS(pruner->check(golden_.config()), kInput, "would keep 1 of 8 experts, but the router picks 2 per token");
}

TEST_P(EveryPruner, KeepsExactlyAsManyExpertsAsAsked) {
  const Json settings = workable().at(GetParam());
  if (!settings.contains("experts_kept")) GTEST_SKIP() << "it does not drop a number of experts per layer";
  const PrunePlan plan = golden_.plan({step()}, few_tokens());
  EXPECT_EQ(plan.layers.size(), 4u);
  for (const LayerPlan& layer : plan.layers) EXPECT_EQ(layer.kept.size(), 5u);
}

TEST_P(EveryPruner, SaysWhenItNeedsCalibrationTokensAndHasNone) {
  PlanRequest request = golden_.request({step()});
  request.calibration = nullptr;
  if (!Registry<Pruner>::instance().make(GetParam(), workable().at(GetParam()))->calibrates()) GTEST_SKIP() << "it needs none";
  EXPECT_ERROR_HAS(make_plan(request), kInput, "it needs calibration tokens");
}

// One token routes to two experts of each layer: the others were chosen by nobody.
TEST_P(EveryPruner, CopesWithExpertsThatNoTokenChose) {
  const CalibrationTokens one{.sequences = {{5}}};
  Json settings = step();
  const PrunePlan plan = golden_.plan({settings}, one);
  EXPECT_TRUE(golden_.last_logits(golden_.load(plan), golden_.prompts()[0]).isfinite().all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryPruner, testing::ValuesIn(planning_pruners()), [](const auto& info) { return info.param; });

TEST(RecordedPlan, IsRefusedForAnotherModel) {
  test::GoldenModel golden("mixtral8"), other("mixtral16");
  const test::TemporaryFolder folder;
  write_plan(folder / "PLAN.json", golden.plan({Json{{"pruner", "random"}, {"experts_kept", 4}}}));
  EXPECT_ERROR_HAS(other.plan({Json{{"pruner", "plan"}, {"file", (folder / "PLAN.json").string()}}}), kInput,
                   "the plan was made for the model with header digest");
}

TEST(MakePlan, RefusesStepsThatCannotFollowEachOther) {
  test::GoldenModel golden("mixtral8");
  const Json wanda = {{"pruner", "wanda"}, {"sparsity", 0.5}}, random = {{"pruner", "random"}, {"experts_kept", 6}};
  EXPECT_ERROR_HAS(golden.plan({wanda, random}), kInput, "stands after a weight step");
  PlanRequest request = golden.request({random, wanda});
  request.total_sparsity = 0.4;
  EXPECT_ERROR_HAS(make_plan(request), kInput, "an amount of its own under total_sparsity");
  PlanRequest little = golden.request({Json{{"pruner", "random"}, {"experts_kept", 4}}, Json{{"pruner", "wanda"}}});
  little.total_sparsity = 0.3;
  EXPECT_ERROR_HAS(make_plan(little), kInput, "already remove 50.0 % of the expert weights, total_sparsity asks for 30.0 %");
}

TEST(MakePlan, LeavesOutTensorsByPattern) {
  test::GoldenModel golden("mixtral8");
  PlanRequest request = golden.request({Json{{"pruner", "magnitude"}, {"sparsity", 0.5}}});
  request.is_left_out = [](const TensorSpec& tensor) { return tensor.role == Role::kRouter || tensor.layer == 0; };
  for (const MaskRecord& mask : make_plan(request).masks) {
    EXPECT_EQ(mask.name.find("gate.weight"), std::string::npos);
    EXPECT_FALSE(mask.name.starts_with("model.layers.0."));
  }
}

TEST(MakePlan, LeavesOutLayersAndExpertsByPattern) {
  test::GoldenModel golden("mixtral8");
  PlanRequest request = golden.request({Json{{"pruner", "frequency"}, {"experts_kept", 4}}});
  const std::vector<int> usual = make_plan(request).layers[1].kept;
  const int first_gone = std::ranges::find(usual, 0) == usual.end() ? 0 : 1;
  request.is_left_out = [&](const TensorSpec& tensor) {
    return (tensor.role == Role::kRouter && tensor.layer == 0) || (tensor.role == Role::kExpertGate && tensor.layer == 1 && tensor.expert == first_gone);
  };
  const PrunePlan plan = make_plan(request);
  EXPECT_EQ(plan.layers.front().layer, 1);
  EXPECT_TRUE(std::ranges::binary_search(plan.layers.front().kept, first_gone));
  request.steps = {{.pruner = "random", .settings = {{"experts_kept", 2}, {"seed", 1}}}};
  request.is_left_out = [](const TensorSpec& tensor) { return tensor.role == Role::kExpertGate; };
  EXPECT_ERROR_HAS(make_plan(request), kInput, "leave_out names expert");
}

// Routers of 35 layers with 128 experts each, and nothing else that may be read: what Arctic looks like to router distances.
class CountingWeights : public WeightSource {
 public:
  CountingWeights(const ModelConfig& config) : source_(random_weights(config, 7)) {}
  at::Tensor read(const TensorSpec& spec) override {
    if (spec.expert >= 0) ++reads_[spec.name];
    return source_->read(spec);
  }
  void release(const TensorSpec& spec) override { source_->release(spec); }
  std::uint64_t bytes_read() const override { return source_->bytes_read(); }
  const std::map<std::string, int>& expert_reads() const { return reads_; }

 private:
  std::unique_ptr<WeightSource> source_;
  std::map<std::string, int> reads_;
};

TEST(StunOnManyExperts, ReadsOnlyExpertsOfLargeClustersAndEachOnce) {
  const ModelConfig config = test::small_mixtral(35, 128, 64, 32, "bf16");
  const std::vector<TensorSpec> tensors = Registry<Family>::instance().make("mixtral")->tensors(config);
  CountingWeights weights(config);
  PruneInputs inputs{.config = config, .tensors = tensors, .weights = weights};
  const PrunePlan plan = Registry<Pruner>::instance().make("stun", {{"ratio", 0.2}, {"merge_max_clusters", 2}})->plan(inputs);
  std::int64_t kept = 0, large = 0;
  for (const LayerPlan& layer : plan.layers) {
    kept += std::ssize(layer.clusters);
    for (const auto& cluster : layer.clusters) large += cluster.size() > 2 ? std::ssize(cluster) : 0;
  }
  EXPECT_NEAR(static_cast<double>(kept), 0.8 * 35 * 128, 40);
  EXPECT_EQ(std::ssize(weights.expert_reads()), 3 * large);
  for (const auto& [name, reads] : weights.expert_reads()) EXPECT_EQ(reads, 1) << name;
}

}  // namespace
}  // namespace winnow
