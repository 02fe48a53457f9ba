#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fmt/format.h>

#include "harness/app/trace.h"
#include "harness/engine/forward.h"
#include "harness/engine/kernels/cpu_path.h"
#include "tests/engine/golden_models.h"

namespace winnow {
namespace {

// Tolerances of golden/models/README.md.
struct Tolerances {
  double logits, hidden, weights = 1e-4;
  explicit Tolerances(const Json& expected)
      : logits(std::max(2e-4, 5 * expected.at("max_abs_logits_f32_minus_f64").get<double>())),
        hidden(std::max(3e-4, 5 * expected.at("max_abs_hidden_f32_minus_f64").get<double>())) {}

  double of(const std::string& name) const {
    if (name.ends_with("input_ids") || name.ends_with("experts") || name.ends_with("generated")) return 0;
    if (name.ends_with("weights")) return weights;
    if (name.find(".hidden.") != std::string::npos || name.ends_with("final_norm") || name.find(".router.") != std::string::npos) return hidden;
    return name.ends_with("generated_margin") ? 2 * logits : logits;
  }
};

void expect_equal_traces(const Tensors& trace, const Tensors& expected, const Tolerances& tolerances) {
  std::size_t compared = 0;
  for (const auto& [name, tensor] : expected) {
    if (!name.starts_with("prompt.") || name.ends_with("_bf16")) continue;
    ASSERT_TRUE(trace.contains(name)) << name;
    ASSERT_EQ(trace.at(name).sizes(), tensor.sizes()) << name;
    ASSERT_EQ(trace.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_LE(largest_difference(trace.at(name), tensor), tolerances.of(name)) << name;
    ++compared;
  }
  EXPECT_EQ(compared, trace.size()) << "the trace must hold what was recorded and nothing else";
}

// Log-likelihood requests: rows from the last context token on predict the continuation.
void expect_equal_scores(const Model& model, const Tensors& expected, const Json& summary) {
  for (std::size_t j = 0; j < summary.at("loglik").size(); ++j) {
    std::vector<std::int32_t> tokens = token_ids(expected.at(fmt::format("loglik.{}.context", j)));
    const std::vector<std::int32_t> continuation = token_ids(expected.at(fmt::format("loglik.{}.continuation", j)));
    std::vector<std::int64_t> wanted;
    for (std::size_t i = 0; i < continuation.size(); ++i) wanted.push_back(static_cast<std::int64_t>(tokens.size() - 1 + i));
    tokens.insert(tokens.end(), continuation.begin(), continuation.end() - 1);
    const PackedBatch batch{tokens, {{.first_row = 0, .rows = static_cast<std::int64_t>(tokens.size())}}};
    const std::vector<TokenScore> scores = score_rows(model, forward(model, batch, wanted), continuation);
    const at::Tensor recorded = expected.at(fmt::format("loglik.{}.token_logprobs", j));
    double sum = 0;
    bool greedy = true;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      EXPECT_NEAR(scores[i].log_probability, recorded[static_cast<std::int64_t>(i)].item<double>(), 3e-4) << "request " << j << " token " << i;
      sum += scores[i].log_probability;
      greedy = greedy && scores[i].is_greedy;
    }
    EXPECT_NEAR(sum, summary.at("loglik")[j].at("sum").get<double>(), 1e-3) << "request " << j;
    EXPECT_EQ(greedy, summary.at("loglik")[j].at("is_greedy").get<bool>()) << "request " << j;
  }
}

// As on a CPU without AVX-512. One thread: the operators' OpenMP threads wait for each other at every tiny product.
class ByOperators {
 public:
  ByOperators() { at::set_num_threads(1); }
  ~ByOperators() { at::set_num_threads(threads_); }

 private:
  const int threads_ = at::get_num_threads();
  const ForceCpuPath path_{CpuPath::kOperators};
};

void expect_golden(const Model& model, const std::string& name) {
  const Tensors expected = golden_tensors(name);
  const Json summary = golden_json(name);
  expect_equal_traces(trace_model(model, golden_prompts(expected), 24), expected, Tolerances(summary));
  expect_equal_scores(model, expected, summary);
}

class EveryGoldenModel : public testing::TestWithParam<std::string> {};

TEST_P(EveryGoldenModel, EqualsTransformersInF32) { expect_golden(load_golden(GetParam(), at::kFloat), GetParam()); }

TEST_P(EveryGoldenModel, EqualsTransformersInF32ByOperators) {
  const ByOperators operators;
  expect_golden(load_golden(GetParam(), at::kFloat), GetParam());
}

// In bf16 a routing decision may flip where two experts are nearly equal; logits are compared up to the first position where one did.
void expect_bf16_near(const std::string& name) {
  const Tensors expected = golden_tensors(name);
  if (!expected.contains("prompt.0.logits_bf16")) GTEST_SKIP() << name << " has f32 weights: no bf16 run was recorded";
  const std::vector<std::vector<std::int32_t>> prompts = golden_prompts(expected);
  const Model model = load_golden(name, at::kBFloat16);
  const Tensors trace = trace_model(model, prompts, 0);
  std::int64_t positions = 0, compared = 0, same_argmax = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    std::int64_t agreeing = static_cast<std::int64_t>(prompts[i].size());
    for (std::size_t layer = 0; layer < model.layers.size(); ++layer) {
      const std::string experts = fmt::format("prompt.{}.router.{}.experts_bf16", i, layer);
      if (!expected.contains(experts)) continue;
      const at::Tensor differs = (std::get<0>(trace.at(experts).sort(1)) != std::get<0>(expected.at(experts).sort(1))).any(1);
      for (std::int64_t row = 0; row < agreeing; ++row) {
        if (differs[row].item<bool>()) agreeing = row;
      }
    }
    const std::string logits = fmt::format("prompt.{}.logits_bf16", i);
    ASSERT_EQ(trace.at(logits).scalar_type(), at::kBFloat16);
    EXPECT_LE(largest_difference(trace.at(logits).narrow(0, 0, agreeing), expected.at(logits).narrow(0, 0, agreeing)), 1.0) << logits;
    same_argmax += (trace.at(logits).to(at::kFloat).argmax(1) == expected.at(fmt::format("prompt.{}.logits", i)).argmax(1)).sum().item<std::int64_t>();
    positions += static_cast<std::int64_t>(prompts[i].size());
    compared += agreeing;
  }
  EXPECT_GE(4 * compared, positions) << "too few positions route as transformers does";
  const std::int64_t theirs = golden_json(name).at("bf16_run").at("same_argmax").get<std::int64_t>();
  EXPECT_GE(same_argmax, theirs - 2) << "of " << positions << " positions";
}

TEST_P(EveryGoldenModel, IsNearTransformersInBf16) { expect_bf16_near(GetParam()); }

TEST_P(EveryGoldenModel, IsNearTransformersInBf16ByOperators) {
  const ByOperators operators;
  expect_bf16_near(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Models, EveryGoldenModel,
                         testing::Values("llama", "mixtral_bf16_sharded", "mixtral_f32", "mixtral_fused_v5", "mixtral_sliding", "mixtral_tied_top1", "qwen2_moe",
                                         "qwen2_moe_step2"),
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
