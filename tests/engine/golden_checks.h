#pragma once
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/app/trace.h"
#include "harness/engine/forward.h"
#include "tests/engine/golden_models.h"

// A model's trace and scores against what was recorded, wherever the model lies.
namespace winnow {

// Five times what f32 differs from f64 in the recording, and never less than these.
struct GoldenTolerances {
  double logits, hidden, weights = 1e-4;
  explicit GoldenTolerances(const Json& expected)
      : logits(std::max(2e-4, 5 * expected.at("max_abs_logits_f32_minus_f64").get<double>())),
        hidden(std::max(3e-4, 5 * expected.at("max_abs_hidden_f32_minus_f64").get<double>())) {}

  double of(const std::string& name) const {
    if (name.ends_with("input_ids") || name.ends_with("experts") || name.ends_with("generated")) return 0;
    if (name.ends_with("weights")) return weights;
    if (name.find(".hidden.") != std::string::npos || name.ends_with("final_norm") || name.find(".router.") != std::string::npos) return hidden;
    return name.ends_with("generated_margin") ? 2 * logits : logits;
  }
};

inline void expect_equal_traces(const Tensors& trace, const Tensors& expected, const GoldenTolerances& tolerances) {
  std::size_t compared = 0;
  double logits_apart = 0;
  for (const auto& [name, tensor] : expected) {
    if (!name.starts_with("prompt.") || name.ends_with("_bf16")) continue;
    ASSERT_TRUE(trace.contains(name)) << name;
    ASSERT_EQ(trace.at(name).sizes(), tensor.sizes()) << name;
    ASSERT_EQ(trace.at(name).scalar_type(), tensor.scalar_type()) << name;
    const double apart = largest_difference(trace.at(name), tensor);
    EXPECT_LE(apart, tolerances.of(name)) << name;
    if (name.ends_with(".logits") && name.find("router") == std::string::npos) logits_apart = std::max(logits_apart, apart);
    ++compared;
  }
  EXPECT_EQ(compared, trace.size()) << "the trace must hold what was recorded and nothing else";
  testing::Test::RecordProperty("largest_logit_difference", fmt::format("{:.2e} of {:.2e}", logits_apart, tolerances.logits));
}

// Log-likelihood requests: rows from the last context token on predict the continuation.
inline void expect_equal_scores(const Model& model, const Tensors& expected, const Json& summary) {
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

inline void expect_golden(const Model& model, const std::string& name) {
  const Tensors expected = golden_tensors(name);
  const Json summary = golden_json(name);
  expect_equal_traces(trace_model(model, golden_prompts(expected), 24), expected, GoldenTolerances(summary));
  expect_equal_scores(model, expected, summary);
}

// In bf16 a routing decision may flip where two experts are nearly equal; logits are compared up to the first position where one did.
inline void expect_bf16_near(const std::string& name) {
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
  testing::Test::RecordProperty("same_argmax_as_f32", fmt::format("{} of {} ({} in transformers)", same_argmax, positions, theirs));
}

}  // namespace winnow
