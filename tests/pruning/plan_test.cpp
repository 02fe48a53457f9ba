#include "harness/pruning/plan.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "harness/engine/device_path.h"
#include "harness/model/safetensors.h"
#include "harness/model/weight_source.h"
#include "harness/pruning/apply.h"
#include "harness/pruning/mask.h"
#include "harness/pruning/plan_files.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

ModelConfig four_experts(int layers = 2) {
  ModelConfig config{.family = "mixtral", .hidden = 8, .vocabulary = 16, .router = {.experts_per_token = 2}};
  config.layers.assign(layers, {.mlp = LayerConfig::Mlp::kMoe, .experts = 4, .expert_width = 4});
  return config;
}

PrunePlan everything() {
  PrunePlan plan{.model = "abc", .steps = {{{"pruner", "stun"}, {"version", 1}}}, .total_sparsity = 0.4, .scope = "linears"};
  plan.layers = {{.layer = 0, .kept = {1, 3}, .scores = {0.5, 1, 0, 2}, .losses = {{{0, 2}, 1.25}}, .beta = 0.5, .sparsity = 0.25},
                 {.layer = 1, .clusters = {{0, 2}, {1, 3}}, .merged = true, .merges = {{0, {0, 2}, {0.5, 0.5}}, {1, {1, 3}, {0.5, 0.5}}}}};
  plan.masks = {{"w", {2, 8}, 9, "ff"}};
  plan.search = {{0.5, 7}, {0.3, 6}};
  plan.realised = RealisedSparsity{0.5, 0.4, 1024};
  return plan;
}

TEST(Plan, GoesThroughJsonUnchanged) {
  const PrunePlan plan = everything();
  const Json json = plan_to_json(plan);
  const PrunePlan again = plan_from_json(json, "PLAN.json");
  EXPECT_EQ(plan_to_json(again), json);
  EXPECT_EQ(again.layers, plan.layers);
  EXPECT_EQ(again.masks, plan.masks);
  EXPECT_EQ(again.search, plan.search);
  EXPECT_EQ(again.realised, plan.realised);
}

TEST(Plan, LeavesOutWhatAMethodDoesNotHave) {
  const Json json = plan_to_json({.model = "abc", .layers = {{.layer = 0, .kept = {0, 1}}}});
  EXPECT_EQ(json, Json::parse(R"({"format": "winnow-plan-1", "model": "abc", "steps": [], "layers": [{"layer": 0, "kept": [0, 1]}]})"));
}

TEST(Plan, NamesThePlaceOfAFault) {
  Json json = plan_to_json(everything());
  json["layers"][0]["kept"][1] = "three";
  EXPECT_ERROR_HAS(plan_from_json(json, "PLAN.json"), kInput, "PLAN.json/layers/0/kept/1: found \"three\", expected an integer from 0 to");
  json = plan_to_json(everything());
  json["layers"][1]["merges"][0]["router"] = "median";
  EXPECT_ERROR_HAS(plan_from_json(json, "PLAN.json"), kInput, "expected \"mean\", \"first\" or \"keep\"");
  json["format"] = "winnow-plan-9";
  EXPECT_ERROR_HAS(plan_from_json(json, "PLAN.json"), kUnsupported, "plan format \"winnow-plan-9\"");
  EXPECT_ERROR_HAS(plan_from_json(Json::array(), "PLAN.json"), kInput, "PLAN.json: found [], expected an object");
}

TEST(CheckPlan, AcceptsWhatFits) {
  EXPECT_NO_THROW(check_plan(everything(), four_experts()));
  EXPECT_NO_THROW(check_plan({}, four_experts()));
}

TEST(CheckPlan, RefusesAPlanOfAnotherModel) {
  const auto with = [](LayerPlan layer) { return PrunePlan{.layers = {std::move(layer)}}; };
  EXPECT_ERROR_HAS(check_plan(with({.layer = 2, .kept = {0, 1}}), four_experts()), kInput, "layer 2, but the model has layers 0 to 1");
  EXPECT_ERROR_HAS(check_plan(with({.kept = {0, 4}}), four_experts()), kInput, "names expert 4, but the layer has experts 0 to 3");
  EXPECT_ERROR_HAS(check_plan(with({.kept = {1, 1}}), four_experts()), kInput, "expert 1 twice");
  EXPECT_ERROR_HAS(check_plan(with({.kept = {3, 1}}), four_experts()), kInput, "not ascending");
  EXPECT_ERROR_HAS(check_plan(with({.kept = {1}}), four_experts()), kInput, "would keep 1 of 4 experts, but the router picks 2 per token");
  EXPECT_ERROR_HAS(check_plan(with({.clusters = {{0, 1}, {2}}}), four_experts()), kInput, "the clusters hold 3 experts of 4");
  EXPECT_ERROR_HAS(check_plan(with({.clusters = {{0, 1}, {2, 3}}, .representatives = {0, 1}}), four_experts()), kInput,
                   "representative 1 is not a member of cluster 1");
  EXPECT_ERROR_HAS(check_plan(with({.merges = {{.into = 0, .members = {0, 1}, .weights = {1}}}}), four_experts()), kInput, "2 members and 1 weights");
  const auto in_place = [](int into) { return ExpertMerge{.into = into, .members = {0, 3}, .weights = {0.5, 0.5}, .router = ExpertMerge::Router::kKeep}; };
  EXPECT_ERROR_HAS(check_plan(with({.kept = {0, 1}, .merges = {in_place(0)}}), four_experts()), kInput, "both merged and kept");
  EXPECT_ERROR_HAS(check_plan(with({.merges = {in_place(1)}}), four_experts()), kInput, "its first member is 0");
  EXPECT_ERROR_HAS(check_plan(with({.kept = {1, 2}, .clusters = {{0, 1}, {2, 3}}, .representatives = {0, 2}}), four_experts()), kInput,
                   "the kept experts are not the representatives");
  EXPECT_ERROR_HAS(check_plan(with({.beta = -1.0}), four_experts()), kInput, "beta is -1");
  EXPECT_ERROR_HAS(check_plan({.layers = {{.layer = 0}, {.layer = 0}}}, four_experts()), kInput, "layer 0 stands there twice");
  ModelConfig dense = four_experts();
  dense.layers[0] = {.mlp = LayerConfig::Mlp::kDense, .dense_width = 8};
  EXPECT_ERROR_HAS(check_plan(with({.kept = {0, 1}}), dense), kInput, "layer 0 has no experts in this model");
}

TEST(PrunedConfig, CountsTheExpertsThatStay) {
  const ModelConfig pruned = pruned_config(everything(), four_experts());
  EXPECT_EQ(pruned.layers[0].experts, 2);
  EXPECT_EQ(pruned.layers[0].skip_beta, 0.5);
  EXPECT_EQ(pruned.layers[1].experts, 2);
}

TEST(PrunedConfig, SharesTheStorageOfExpertsMergedInPlace) {
  const PrunePlan plan{.layers = {{.layer = 1, .merges = {{.into = 1, .members = {1, 3}, .weights = {0.5, 0.5}, .router = ExpertMerge::Router::kKeep}}}}};
  const ModelConfig pruned = pruned_config(plan, four_experts());
  EXPECT_EQ(pruned.layers[1].experts, 4);
  EXPECT_EQ(pruned.layers[1].expert_storage, (std::vector<int>{0, 1, 2, 1}));
  EXPECT_TRUE(pruned.layers[0].expert_storage.empty());
}

TEST(ComposePlans, CountsTheSecondStepsExpertsInTheFirstStepsModel) {
  const PrunePlan first{.steps = {{{"pruner", "random"}}}, .layers = {{.layer = 0, .kept = {0, 2, 3}}}};
  const PrunePlan second{.steps = {{{"pruner", "reap"}}}, .layers = {{.layer = 0, .kept = {1, 2}}, {.layer = 1, .kept = {0, 3}}}};
  const PrunePlan both = compose_plans(first, second);
  EXPECT_EQ(both.layers[0].kept, (std::vector<int>{2, 3}));
  EXPECT_EQ(both.layers[1].kept, (std::vector<int>{0, 3}));
  EXPECT_EQ(both.steps.size(), 2u);
}

TEST(ComposePlans, RefusesExpertsAfterWeights) {
  PrunePlan first;
  first.mask_bits["w"] = at::zeros({1}, at::kByte);
  first.masks = {{"w", {8}, 0, "00"}};
  EXPECT_ERROR_HAS(compose_plans(first, {.layers = {{.layer = 0, .kept = {0, 1}}}}), kInput, "an expert step stands after a weight step");
}

TEST(PlanFiles, AnEarlierPlansTensorsGoWithIt) {
  const test::TemporaryFolder folder;
  const at::Tensor bits = pack_mask(at::ones({2, 8}, at::kBool));
  write_plan(folder / "PLAN.json", {.model = "abc", .masks = {describe_mask("w", {2, 8}, bits)}, .mask_bits = {{"w", bits}}});
  EXPECT_EQ(read_plan(folder / "PLAN.json").masks.size(), 1u);
  write_tensors(folder / "PLAN.safetensors", {{"mask/w", at::ones({2})}});
  EXPECT_ERROR_HAS(read_plan(folder / "PLAN.json"), kInput, "mask/w holds Float, expected bytes");
  write_plan(folder / "PLAN.json", {.model = "abc", .layers = {{.layer = 0, .kept = {0, 1}}}});
  EXPECT_FALSE(std::filesystem::exists(folder / "PLAN.safetensors"));
  EXPECT_TRUE(read_plan(folder / "PLAN.json").mask_bits.empty());
}

TEST(PlanFiles, TakeNoPlaceOfATensorFileThatIsNoPlans) {
  const test::TemporaryFolder folder;
  SafetensorsWriter model(folder / "model.safetensors", {{"lm_head.weight", at::kFloat, {1}}});
  model.write("lm_head.weight", at::ones({1}));
  model.commit();
  const std::string before = test::read_text(folder / "model.safetensors");
  const at::Tensor bits = pack_mask(at::ones({2, 8}, at::kBool));
  const PrunePlan masks{.model = "abc", .masks = {describe_mask("w", {2, 8}, bits)}, .mask_bits = {{"w", bits}}};
  EXPECT_ERROR_HAS(write_plan(folder / "model.json", masks), kInput, "model.safetensors, which is there and is no plan's; name another file");
  EXPECT_ERROR_HAS(write_plan(folder / "model.json", {.model = "abc"}), kInput, "which is there and is no plan's");
  EXPECT_ERROR_HAS(write_plan(folder / "PLAN.safetensors", {.model = "abc"}), kInput, "name the plan");
  EXPECT_EQ(test::read_text(folder / "model.safetensors"), before);
  EXPECT_FALSE(std::filesystem::exists(folder / "model.json"));
}

TEST(PlanFiles, PagesAreTheTensorsAndLeaveNoFileBehind) {
  const test::TemporaryFolder folder;
  const char* before = std::getenv("TMPDIR");
  const std::string restored = before ? before : "";
  ::setenv("TMPDIR", folder.path().c_str(), 1);
  const at::Tensor weight = at::arange(12, at::kFloat).view({3, 4});
  const std::map<std::string, at::Tensor> pages = as_pages({{"w", weight}, {"b", weight[1].to(at::kBFloat16)}});
  before ? ::setenv("TMPDIR", restored.c_str(), 1) : ::unsetenv("TMPDIR");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_TRUE(pages.at("w").equal(weight));
  EXPECT_TRUE(pages.at("b").equal(weight[1].to(at::kBFloat16)));
}

void expect_packed_as_by_numpy() {
  const at::Tensor kept = at::tensor({1, 0, 1, 1, 0, 0, 0, 1, 1, 1}, at::kInt).to(at::kBool);
  const at::Tensor bits = pack_mask(kept);
  EXPECT_TRUE(bits.equal(at::tensor({0b10110001, 0b11000000}, at::kInt).to(at::kByte)));
  EXPECT_TRUE(unpack_mask(bits, {10}).equal(kept));
  EXPECT_EQ(describe_mask("w", {10}, bits).kept, 6);
  EXPECT_TRUE(unpack_mask(bits, {2, 5}).equal(kept.view({2, 5})));
  EXPECT_ERROR_HAS(unpack_mask(bits, {20}), kInput, "a mask has 2 bytes, 3 are expected");
}

TEST(Mask, PacksAsNumpyDoes) {
  expect_packed_as_by_numpy();
  const ForceDevicePath by_operators;
  expect_packed_as_by_numpy();
}

// A device that has its weights made where they are wanted gets the same pruned model.
TEST(ApplyPlan, GivesNearADeviceWhatItGivesElsewhere) {
  const std::unique_ptr<Family> family = Registry<Family>::instance().make("mixtral");
  const ModelConfig config = family->read(family->example_config());
  const std::vector<TensorSpec> tensors = family->tensors(config);
  PrunePlan plan{.layers = {{.layer = 0, .merges = {{.into = 0, .members = {0, 1}, .weights = {0.25, 0.75}, .router = ExpertMerge::Router::kKeep}}}}};
  const TensorSpec& masked = *std::ranges::find_if(tensors, [](const TensorSpec& spec) { return spec.layer == 1 && spec.expert == 1; });
  const at::Tensor bits = pack_mask(at::rand(masked.shape) < 0.5);
  plan.masks = {describe_mask(masked.name, masked.shape, bits)};
  plan.mask_bits[masked.name] = bits;
  const std::unique_ptr<WeightSource> weights = random_weights(config, 7);
  const PrunedCheckpoint pruned = apply_plan(plan, config, tensors, *weights);
  for (const TensorSpec& spec : pruned.tensors) {
    const at::Tensor expected = pruned.weights->read(spec);
    const ForceDevicePath by_operators;
    EXPECT_TRUE(pruned.weights->read_near(spec, at::kCPU).equal(expected)) << spec.name;
  }
}

}  // namespace
}  // namespace winnow
