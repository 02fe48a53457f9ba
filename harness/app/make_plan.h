#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/app/sweep_options.h"
#include "harness/model/checkpoint.h"
#include "harness/pruning/apply.h"
#include "harness/pruning/layer_walk.h"
#include "harness/sweep/sweep_file.h"

namespace winnow {

std::int64_t elements(const TensorSpec& tensor);  // of its shape

// A variant's steps and the model they are for.
struct PlanRequest {
  const ModelConfig& config;
  const std::vector<TensorSpec>& tensors;
  WeightSource& weights;
  std::string model_sha256;  // header digest
  std::vector<StepSpec> steps;
  std::optional<double> total_sparsity = {};  // what the weight step reaches together with the expert steps before it
  std::string scope = "linears";              // which weights total_sparsity and masks are over: "linears" or "experts"
  std::vector<std::string> leave_out = {};    // patterns, for the record; is_left_out decides
  std::function<bool(const TensorSpec& tensor)> is_left_out = {};
  const CalibrationTokens* calibration = nullptr;
  LayerWalkOptions walk = {};
  // Where statistics and finished plans are kept, so that a second ratio or a resumed sweep reads no calibration token again; empty: nowhere.
  std::filesystem::path cache = {};
  std::string content_sha256 = {};  // names the model in the cache: fine-tuned models share their header digest; needed where there is a cache
  std::function<void(const std::string& stage, double share)> on_progress = {};
};

// The steps, amounts and patterns of a variant, for a model; calibration, walk and cache are left to the caller.
PlanRequest request_plan(const VariantSpec& variant, const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& weights,
                         const std::string& model_sha256);

// Runs the steps one after another, each on the model the ones before leave, and composes their plans into one for the model given.
// Throws Error(kInput) before any calibration where a step cannot work.
PrunePlan make_plan(const PlanRequest& request);

struct PlanVariantOptions {
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
  std::string tokens = {};  // file of calibration ids, in place of the variant's calibration
  DataOptions data = {};
};
// A variant of a checkpoint, its calibration read and tokenised: what the commands plan and prune do.
PrunePlan plan_variant(const VariantSpec& variant, Checkpoint& checkpoint, const PlanVariantOptions& options);

// Checks the first step's settings against the model, and that calibration is there where a step needs it; reads no weight.
void check_steps(const std::vector<StepSpec>& steps, const ModelConfig& config, bool has_calibration);

}  // namespace winnow
