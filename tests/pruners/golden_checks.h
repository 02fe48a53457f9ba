#pragma once
#include "tests/pruners/golden.h"

// What the papers' code decides on the recorded models, wherever ours decides it.
namespace winnow {

inline std::vector<Json> steps_of(const std::string& name, const Json& recorded) {
  Json step = {{"pruner", name.substr(0, name.find_first_of("0123456789_"))}};
  if (recorded.contains("nm")) step["pattern"] = fmt::format("{}:{}", recorded.at("nm")[0].get<int>(), recorded.at("nm")[1].get<int>());
  if (recorded.contains("ratio")) step["sparsity"] = recorded.at("ratio");
  if (recorded.contains("scope")) step["compare"] = recorded.at("scope");
  if (recorded.contains("lam"))
    step["lambda"] = recorded.at("lam"), step["outlier_multiple"] = recorded.at("M"), step["count_empty_calls"] = recorded.at("hook_counts_empty_calls");
  return {step};
}

inline CalibrationTokens cut(const CalibrationTokens& tokens, std::size_t length) {
  CalibrationTokens shorter;
  for (const auto& sequence : tokens.sequences) {
    for (std::size_t begin = 0; begin < sequence.size(); begin += length)
      shorter.sequences.emplace_back(sequence.begin() + begin, sequence.begin() + begin + length);
  }
  return shorter;
}

// Matrix by matrix: the recorded mask, or one that differs in the entries recorded as near ties only.
inline void expect_masks(const PrunePlan& plan, const Json& matrices, const Json& recorded, const std::string& name) {
  std::map<std::string, MaskRecord> found;
  for (const MaskRecord& mask : plan.masks) found.emplace(mask.name, mask);
  ASSERT_EQ(found.size(), matrices.size()) << name;
  const Json near = recorded.contains("near_ties") ? recorded.at("near_ties") : recorded.at("near_tie_count");
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    const MaskRecord& mask = found.at(matrices[i]);
    EXPECT_EQ(mask.kept, recorded.at("nnz")[i].get<std::int64_t>()) << name << " " << mask.name;
    if (near.contains(std::to_string(i))) continue;
    EXPECT_EQ(mask.sha256.substr(0, 16), recorded.at("sha")[i].get<std::string>()) << name << " " << mask.name;
  }
}

inline void expect_recorded_masks(const std::string& model) {
  test::GoldenModel golden(model);
  const Json expected = golden.expected("weights");
  for (const auto& [name, recorded] : expected.at("variants").items()) {
    const CalibrationTokens tokens = recorded.contains("seq") ? cut(golden.calibration(), recorded.at("seq").get<std::size_t>()) : golden.calibration();
    const PrunePlan plan = golden.plan(steps_of(name, recorded), tokens);
    expect_masks(plan, expected.at("matrices"), recorded, name);
    EXPECT_NEAR(plan.realised->linears, recorded.at("sparsity_all_linears").get<double>(), 1e-6) << name;
    EXPECT_NEAR(plan.realised->experts, recorded.at("sparsity_experts").get<double>(), 1e-6) << name;
    if (recorded.contains("layer_sparsity")) {
      const std::vector<double> outliers = plan.steps[0].at("outlier_percent").get<std::vector<double>>();
      for (std::size_t layer = 0; layer < outliers.size(); ++layer) {
        const double of_one_entry = recorded.at("near_threshold_entries")[layer] == 0 ? 1e-9 : 5e-3;
        EXPECT_NEAR(outliers[layer], recorded.at("outlier_percent")[layer].get<double>(), of_one_entry) << name;
        EXPECT_NEAR(*plan.layers[layer].sparsity, recorded.at("layer_sparsity")[layer].get<double>(), 5e-3) << name;
      }
    }
    for (const Json& matrix : recorded.value("stored_matrices", Json::array())) {
      const at::Tensor& weight = golden.tensor("sparsegpt_weight/" + name + "/" + matrix.get<std::string>());
      EXPECT_LT((plan.weights.at(matrix) - weight).abs().max().item<double>(), 1e-4) << name << " " << matrix;
    }
    if (recorded.contains("eval")) golden.expect_evaluation(plan, recorded.at("eval"), name);
  }
}

struct RecordedScore {
  const char* recorded;
  Json step;
};

inline const std::vector<RecordedScore>& recorded_scores() {
  static const std::vector<RecordedScore> scores = {
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

inline void expect_recorded_scores(const std::string& model) {
  test::GoldenModel golden(model);
  const Json expected = golden.expected("expert_scores");
  for (const RecordedScore& score : recorded_scores()) {
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

}  // namespace winnow
