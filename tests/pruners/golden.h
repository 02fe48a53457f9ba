#pragma once
#include <ATen/ATen.h>

#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/api/pruner.h"
#include "harness/app/make_plan.h"
#include "harness/core/files.h"
#include "harness/engine/forward.h"
#include "harness/model/checkpoint.h"
#include "harness/model/safetensors.h"
#include "harness/pruning/plan_files.h"
#include "tests/engine/test_device.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow::test {

// One of the small trained models with what the papers' code decides on it; see tests/fixtures/pruning/README.md.
class GoldenModel {
 public:
  explicit GoldenModel(const std::string& name) : folder_(fixture("pruning/" + name)), checkpoint_(Checkpoint::open(folder_)) {
    const Json tokens = read_json_file(fixture("pruning/tokens.json"));
    calibration_.sequences = tokens.at("calibration").get<std::vector<std::vector<std::int32_t>>>();
    prompts_ = tokens.at("prompts").get<std::vector<std::vector<std::int32_t>>>();
    windows_ = tokens.at("eval_windows").get<std::vector<std::vector<std::int32_t>>>();
    tensors_ = read_tensors(folder_ / "tensors.safetensors");
  }

  Checkpoint& checkpoint() { return *checkpoint_; }
  const ModelConfig& config() const { return checkpoint_->config(); }
  const CalibrationTokens& calibration() const { return calibration_; }
  Json expected(const std::string& file) const { return read_json_file(folder_ / (file + ".json")); }
  const at::Tensor& tensor(const std::string& name) const { return tensors_.at(name); }
  bool has_tensor(const std::string& name) const { return tensors_.contains(name); }

  PlanRequest request(const std::vector<Json>& steps) {
    PlanRequest request{.config = config(), .tensors = checkpoint_->tensors(), .weights = *checkpoint_, .model_sha256 = checkpoint_->header_sha256()};
    for (Json step : steps) {
      const auto pruner = step.at("pruner").get<std::string>();
      step.erase("pruner");
      request.steps.push_back(StepSpec{.pruner = pruner, .settings = std::move(step)});
    }
    request.calibration = &calibration_;
    request.walk.device = current_device();
    return request;
  }
  PrunePlan plan(const std::vector<Json>& steps) { return make_plan(request(steps)); }
  PrunePlan plan(const std::vector<Json>& steps, const CalibrationTokens& tokens) {
    PlanRequest asked = request(steps);
    asked.calibration = &tokens;
    return make_plan(asked);
  }

  Model load(const PrunePlan& plan) {
    const PrunedCheckpoint pruned = apply_plan(plan, config(), checkpoint_->tensors(), *checkpoint_);
    return load_model(pruned.config, pruned.tensors, *pruned.weights, {.dtype = at::kFloat, .device = current_device()});
  }

  // Perplexity, per-window and per-prompt losses, argmaxes, and the logits recorded under `logits`.
  void expect_evaluation(const PrunePlan& plan, const Json& eval, const std::string& logits) {
    const Model model = load(plan);
    double sum = 0;
    const std::vector<double> window_losses = negative_log_likelihoods(model, windows_);
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      const double nll = window_losses[i] / static_cast<double>(windows_[i].size() - 1);
      EXPECT_NEAR(nll, eval.at("window_nll")[i].get<double>(), 1e-4) << logits << " window " << i;
      sum += nll;
    }
    EXPECT_NEAR(std::exp(sum / static_cast<double>(windows_.size())) / eval.at("ppl").get<double>(), 1.0, 1e-4) << logits;
    const std::vector<double> prompt_losses = negative_log_likelihoods(model, prompts_);
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      EXPECT_NEAR(prompt_losses[i], eval.at("prompt_nll_sum")[i].get<double>(), 5e-3) << logits;
      const at::Tensor last = last_logits(model, prompts_[i]);
      EXPECT_EQ(last.argmax().item<std::int64_t>(), eval.at("prompt_argmax_last")[i].get<std::int64_t>()) << logits;
      if (i > 0 || !has_tensor("logits/" + logits)) continue;
      const at::Tensor& recorded = tensor("logits/" + logits);
      const at::Tensor found = recorded.numel() == last.numel() ? last : last.slice(0, 0, last.numel(), 4);
      EXPECT_LT(((found - recorded).abs() / recorded.abs().clamp_min(1)).max().item<double>(), 1e-4) << logits;
    }
  }

  at::Tensor last_logits(const Model& model, const std::vector<std::int32_t>& ids) const {
    PackedBatch batch{.tokens = ids, .segments = {{.first_row = 0, .rows = std::ssize(ids)}}};
    return logits(model, forward(model, batch, {std::ssize(ids) - 1}))[0].cpu();
  }
  const std::vector<std::vector<std::int32_t>>& prompts() const { return prompts_; }

 private:
  // Summed over the predictions inside each sequence; all sequences in one batch.
  static std::vector<double> negative_log_likelihoods(const Model& model, const std::vector<std::vector<std::int32_t>>& sequences) {
    PackedBatch batch;
    std::vector<std::int64_t> rows;
    std::vector<std::int32_t> targets;
    for (const std::vector<std::int32_t>& ids : sequences) {
      for (std::size_t i = 0; i + 1 < ids.size(); ++i) rows.push_back(std::ssize(batch.tokens) + static_cast<std::int64_t>(i));
      targets.insert(targets.end(), ids.begin() + 1, ids.end());
      batch.segments.push_back({.first_row = std::ssize(batch.tokens), .rows = std::ssize(ids)});
      batch.tokens.insert(batch.tokens.end(), ids.begin(), ids.end());
    }
    const std::vector<TokenScore> scores = score_rows(model, forward(model, batch, rows), targets);
    std::vector<double> losses;
    auto score = scores.begin();
    for (const std::vector<std::int32_t>& ids : sequences) {
      losses.push_back(0);
      for (std::size_t i = 0; i + 1 < ids.size(); ++i) losses.back() -= (score++)->log_probability;
    }
    return losses;
  }

  std::filesystem::path folder_;
  std::unique_ptr<Checkpoint> checkpoint_;
  CalibrationTokens calibration_;
  std::vector<std::vector<std::int32_t>> prompts_, windows_;
  std::map<std::string, at::Tensor> tensors_;
};

}  // namespace winnow::test
