#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "harness/engine/kernels/cpu_path.h"
#include "tests/engine/golden_checks.h"

namespace winnow {
namespace {

// As on a CPU without AVX-512. One thread: the operators' OpenMP threads wait for each other at every tiny product.
class ByOperators {
 public:
  ByOperators() { at::set_num_threads(1); }
  ~ByOperators() { at::set_num_threads(threads_); }

 private:
  const int threads_ = at::get_num_threads();
  const ForceCpuPath path_{CpuPath::kOperators};
};

class EveryGoldenModel : public testing::TestWithParam<std::string> {};

TEST_P(EveryGoldenModel, EqualsTransformersInF32) { expect_golden(load_golden(GetParam(), at::kFloat), GetParam()); }

TEST_P(EveryGoldenModel, EqualsTransformersInF32ByOperators) {
  const ByOperators operators;
  expect_golden(load_golden(GetParam(), at::kFloat), GetParam());
}

TEST_P(EveryGoldenModel, IsNearTransformersInBf16) { expect_bf16_near(GetParam()); }

TEST_P(EveryGoldenModel, IsNearTransformersInBf16ByOperators) {
  const ByOperators operators;
  expect_bf16_near(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Models, EveryGoldenModel,
                         testing::Values("llama", "mixtral_bf16_sharded", "mixtral_f32", "mixtral_fused_v5", "mixtral_sliding", "mixtral_tied_top1",
                                         "qwen2_moe", "qwen2_moe_step2"),
                         [](const auto& info) { return info.param; });

TEST(ExpertSelection, DroppedExpertsGiveTheRecordedPrunedModels) {
  for (const std::string name : {"mixtral_f32_pruned_uniform", "mixtral_f32_pruned_varied"}) {
    const Model model = load_golden("mixtral_f32", at::kFloat, golden_json(name).at("kept_experts").get<std::vector<std::vector<int>>>());
    expect_golden(model, name);
  }
}

TEST(ExpertSelection, DroppingAfterLoadingIsTheSameAsNotReading) {
  const std::string name = "mixtral_f32_pruned_varied";
  const auto kept = golden_json(name).at("kept_experts").get<std::vector<std::vector<std::int64_t>>>();
  Model model = load_golden("mixtral_f32", at::kFloat);
  for (std::size_t layer = 0; layer < kept.size(); ++layer) {
    MoeWeights& moe = *model.layers[layer].moe;
    std::vector<std::shared_ptr<const GatedMlp>> experts;
    for (const std::int64_t expert : kept[layer]) experts.push_back(moe.experts[expert]);
    moe.experts = experts;
    moe.router = moe.router.index_select(0, at::tensor(kept[layer], at::kLong));
  }
  expect_golden(model, name);
}

Linear mean(const std::vector<Linear>& members) {
  at::Tensor sum = at::zeros_like(members[0].weight);
  for (const Linear& member : members) sum += member.weight;
  return {sum / static_cast<double>(members.size()), {}};
}

void merge_layer(MoeWeights& moe, const std::vector<std::vector<std::int64_t>>& groups, bool mean_router) {
  std::vector<std::shared_ptr<const GatedMlp>> experts;
  std::vector<at::Tensor> rows;
  for (const std::vector<std::int64_t>& group : groups) {
    std::vector<Linear> gate, up, down;
    for (const std::int64_t member : group) {
      gate.push_back(moe.experts[member]->gate);
      up.push_back(moe.experts[member]->up);
      down.push_back(moe.experts[member]->down);
    }
    experts.push_back(std::make_shared<GatedMlp>(GatedMlp{mean(gate), mean(up), mean(down)}));
    rows.push_back(mean_router ? moe.router.index_select(0, at::tensor(group, at::kLong)).mean(0) : moe.router[group[0]]);
  }
  moe.experts = experts;
  moe.router = at::stack(rows);
}

TEST(ExpertSelection, MergedExpertsGiveTheRecordedMergedModels) {
  for (const std::string name : {"mixtral_f32_merged", "mixtral_f32_merged_first_row"}) {
    const Json summary = golden_json(name);
    Model model = load_golden("mixtral_f32", at::kFloat);
    for (std::size_t layer = 0; layer < model.layers.size(); ++layer) {
      merge_layer(*model.layers[layer].moe, summary.at("groups")[layer].get<std::vector<std::vector<std::int64_t>>>(), summary.at("router_rows") == "mean");
    }
    expect_golden(model, name);
  }
}

}  // namespace
}  // namespace winnow
