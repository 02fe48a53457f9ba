#include <malloc.h>

#include <algorithm>

#include "harness/pruning/export.h"
#include "harness/sweep/memory.h"
#include "tests/pruners/golden.h"
#include "tests/pruners/small_mixtral.h"

namespace winnow {
namespace {

using Steps = std::vector<Json>;

PrunePlan plan_to_total(test::GoldenModel& golden, const Steps& steps, double total, const std::string& scope = "experts") {
  PlanRequest request = golden.request(steps);
  request.total_sparsity = total;
  request.scope = scope;
  return make_plan(request);
}

class WeightsMergedInPlace : public testing::TestWithParam<std::string> {};

TEST_P(WeightsMergedInPlace, AreMaskedOnceForAllTheirExperts) {
  test::GoldenModel golden("mixtral8");
  const PrunePlan plan = golden.plan({Json{{"pruner", "hc_smoe"}, {"groups", 4}}, Json{{"pruner", GetParam()}, {"sparsity", 0.5}}});
  const PrunedCheckpoint pruned = apply_plan(plan, golden.config(), golden.checkpoint().tensors(), golden.checkpoint());
  std::map<std::string, std::string> stored;  // matrices of an expert that runs with another's weights: the other's
  for (const TensorSpec& tensor : pruned.tensors) {
    for (const TensorSpec& other : pruned.tensors) {
      const bool is_stored = other.layer == tensor.layer && other.role == tensor.role && other.expert == stored_expert(pruned.config, tensor);
      if (is_stored && other.expert != tensor.expert) stored[tensor.name] = other.name;
    }
  }
  ASSERT_EQ(stored.size(), 4u * 4 * 3);
  std::map<std::string, at::Tensor> weights;
  for (const TensorSpec& tensor : pruned.tensors) weights[tensor.name] = pruned.weights->read(tensor);
  for (const auto& [name, other] : stored) {
    EXPECT_FALSE(plan.mask_bits.contains(name)) << name;
    EXPECT_TRUE(weights.at(name).equal(weights.at(other))) << name;
  }
}

TEST_P(WeightsMergedInPlace, AreExportedAsThePlanRunsThem) {
  test::GoldenModel golden("mixtral8");
  const test::TemporaryFolder folder;
  const PrunePlan plan = golden.plan({Json{{"pruner", "hc_smoe"}, {"groups", 4}}, Json{{"pruner", GetParam()}, {"sparsity", 0.5}}});
  export_checkpoint(golden.checkpoint(), plan, folder / "out");
  const auto exported = Checkpoint::open(folder / "out");
  const Model model = load_model(exported->config(), exported->tensors(), *exported, {.dtype = at::kFloat, .device = test::current_device()});
  EXPECT_TRUE(golden.last_logits(model, golden.prompts()[0]).equal(golden.last_logits(golden.load(plan), golden.prompts()[0])));
}

INSTANTIATE_TEST_SUITE_P(By, WeightsMergedInPlace, testing::Values("wanda", "sparsegpt", "magnitude", "moe_pruner", "owl"),
                         [](const auto& info) { return info.param; });

TEST(InputNorms, OfExpertsMergedInPlaceAreOverTheTokensOfAll) {
  test::GoldenModel golden("mixtral8");
  const PrunePlan merge = golden.plan({Json{{"pruner", "hc_smoe"}, {"groups", 1}}});
  const PrunedCheckpoint pruned = apply_plan(merge, golden.config(), golden.checkpoint().tensors(), golden.checkpoint());
  LayerWalk walk(pruned.config, pruned.tensors, *pruned.weights, golden.calibration(), {.device = test::current_device()});
  const CalibrationStats stats = collect_stats(walk, pruned.config, pruned.tensors, {Observed::kInputNorms});
  for (const LayerStats& layer : stats.layers) {
    std::int64_t experts = 0;
    for (const auto& [name, norm] : layer.inputs) {
      if (name.find(".experts.") == std::string::npos) continue;
      EXPECT_NE(name.find(".experts.0."), std::string::npos) << name;
      EXPECT_EQ(norm.tokens, 2 * layer.tokens) << "every token comes twice, by its two experts";
      ++experts;
    }
    EXPECT_EQ(experts, 3);
  }
}

TEST(TotalSparsity, CountsExpertsMergedInPlaceAsGone) {
  test::GoldenModel golden("mixtral8");
  const Steps steps = {Json{{"pruner", "hc_smoe"}, {"groups", 4}}, Json{{"pruner", "wanda"}}};
  EXPECT_NEAR(plan_to_total(golden, steps, 0.65).realised->experts, 0.65, 0.02);
  EXPECT_ERROR_HAS(plan_to_total(golden, steps, 0.3), kInput, "already remove 50.0 % of the expert weights, total_sparsity asks for 30.0 %");
}

TEST(TotalSparsity, MayBeExactlyWhatTheExpertStepRemoves) {
  const ModelConfig config = test::small_mixtral(1, 10, 64, 32, "f32");
  const std::vector<TensorSpec> tensors = Registry<Family>::instance().make("mixtral")->tensors(config);
  const std::unique_ptr<WeightSource> weights = random_weights(config, 7);
  PlanRequest request{.config = config, .tensors = tensors, .weights = *weights};
  request.steps = {{.pruner = "random", .settings = {{"experts_kept", 7}}}, {.pruner = "magnitude", .settings = {{"compare", "row"}}}};
  request.total_sparsity = 0.3;  // 1 - 7 / 10 is 0.30000000000000004
  EXPECT_NEAR(make_plan(request).realised->experts, 0.3, 1e-12);
}

TEST(Owl, LeavesLayersWithoutAnythingToMaskOutOfItsMean) {
  test::GoldenModel golden("mixtral8");
  PlanRequest request = golden.request({Json{{"pruner", "owl"}, {"sparsity", 0.5}}});
  request.is_left_out = [](const TensorSpec& tensor) { return tensor.layer == 0; };
  const PrunePlan plan = make_plan(request);
  ASSERT_EQ(plan.layers.size(), 3u);
  double sum = 0;
  for (const LayerPlan& layer : plan.layers) sum += layer.sparsity.value();
  EXPECT_NEAR(sum / 3, 0.5, 1e-12);
  EXPECT_TRUE(plan.steps.at(0).at("outlier_percent").at(0).is_null());
  const auto [least, most] = std::ranges::minmax_element(plan.layers, {}, [](const LayerPlan& layer) { return *layer.sparsity; });
  EXPECT_NEAR(*most->sparsity - *least->sparsity, 2 * 0.08, 1e-12) << "the whole band is used";
}

TEST(Stun, RefusesCoactivationWhereATokenChoosesOneExpert) {
  test::GoldenModel golden("mixtral8");
  ModelConfig config = golden.config();
  config.router.experts_per_token = 1;
  for (const char* distance : {"coactivation", "coactivation_normalized"}) {
    EXPECT_ERROR_HAS(Registry<Pruner>::instance().make("stun", {{"distance", distance}, {"ratio", 0.3}})->check(config), kInput,
                     "the model's router picks 1 per token; use \"router\"");
  }
  EXPECT_NO_THROW(Registry<Pruner>::instance().make("stun", {{"distance", "router"}, {"ratio", 0.3}})->check(config));
}

TEST(RecordedPlan, IsRefusedAfterAnotherStep) {
  test::GoldenModel golden("mixtral8");
  const test::TemporaryFolder folder;
  write_plan(folder / "PLAN.json", golden.plan({Json{{"pruner", "random"}, {"experts_kept", 4}}}));
  EXPECT_ERROR_HAS(golden.plan({Json{{"pruner", "random"}, {"experts_kept", 8}}, Json{{"pruner", "plan"}, {"file", (folder / "PLAN.json").string()}}}), kInput,
                   "step 1 (plan) carries out a plan of the whole model, but the steps before it leave another; put it first");
}

TEST(RecordedPlan, IsRefusedWhereItNamesTensorsThatTheModelHasNot) {
  test::GoldenModel golden("mixtral8");
  const PrunePlan plan = golden.plan({Json{{"pruner", "magnitude"}, {"sparsity", 0.5}}});
  PrunePlan masks = plan, weights = plan;
  masks.mask_bits["model.layers.9.block_sparse_moe.gate.weight"] = plan.mask_bits.begin()->second;
  EXPECT_ERROR_HAS(golden.load(masks), kInput, "it masks tensor model.layers.9.block_sparse_moe.gate.weight, which the pruned model has not");
  weights.weights["model.layers.0.mlp.weight"] = at::zeros({2});
  EXPECT_ERROR_HAS(golden.load(weights), kInput, "it updates tensor model.layers.0.mlp.weight, which the pruned model has not");
}

// 16 layers of 9.4 MB. What a layer leaves in malloc's hands would come to 150 MB, since masks lie between what is free.
TEST(WeightStep, TakesTheMemoryOfALayerAndNotOfTheModel) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps what was freed";
#endif
  const ModelConfig config = test::small_mixtral(16, 8, 128, 768, "f32");
  const std::vector<TensorSpec> tensors = Registry<Family>::instance().make("mixtral")->tensors(config);
  const std::unique_ptr<WeightSource> weights = random_weights(config, 7);
  const CalibrationTokens tokens{.sequences = {{1, 2, 3, 4, 5, 6, 7, 8}}};
  malloc_trim(0);
  const std::int64_t before = resident_bytes().anonymous;
  std::int64_t most = 0;
  PruneInputs inputs{.config = config, .tensors = tensors, .weights = *weights, .calibration = &tokens};
  inputs.on_progress = [&](const std::string&, double) { most = std::max(most, resident_bytes().anonymous - before); };
  Registry<Pruner>::instance().make("wanda", {{"sparsity", 0.5}})->plan(inputs);
  EXPECT_GT(most, 5 << 20);
  EXPECT_LT(most, 60 << 20);
}

}  // namespace
}  // namespace winnow
