#include "tests/engine/golden_checks.h"

namespace winnow {
namespace {

class GoldenModelOnDevice : public test::OnDevice, public testing::WithParamInterface<std::string> {};

TEST_P(GoldenModelOnDevice, EqualsTransformersInF32) { expect_golden(load_golden(GetParam(), at::kFloat), GetParam()); }

TEST_P(GoldenModelOnDevice, IsNearTransformersInBf16) { expect_bf16_near(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Models, GoldenModelOnDevice,
                         testing::Values("llama", "mixtral_bf16_sharded", "mixtral_f32", "mixtral_fused_v5", "mixtral_sliding", "mixtral_tied_top1",
                                         "qwen2_moe", "qwen2_moe_step2"),
                         [](const auto& info) { return info.param; });

class ExpertSelectionOnDevice : public test::OnDevice, public testing::WithParamInterface<std::string> {};

TEST_P(ExpertSelectionOnDevice, DroppedExpertsGiveTheRecordedPrunedModel) {
  expect_golden(load_golden("mixtral_f32", at::kFloat, golden_json(GetParam()).at("kept_experts").get<std::vector<std::vector<int>>>()), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Models, ExpertSelectionOnDevice, testing::Values("mixtral_f32_pruned_uniform", "mixtral_f32_pruned_varied"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace winnow
