#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/pruning/apply.h"
#include "harness/pruning/layer_walk.h"
#include "harness/sweep/sweep_file.h"

namespace winnow {

// A variant's steps and the model they are for.
struct PlanRequest {
  const ModelConfig& config;
  const std::vector<TensorSpec>& tensors;
  WeightSource& weights;
  std::string model_sha256;  // header digest
  std::vector<StepSpec> steps;
  std::optional<double> total_sparsity = {};  // what the weight step reaches together with the expert steps before it
  std::string scope = "linears";              // which weights total_sparsity and masks are over: "linears" or "experts"
  std::function<bool(const TensorSpec& tensor)> is_left_out = {};
  const CalibrationTokens* calibration = nullptr;
  LayerWalkOptions walk = {};
  std::function<void(const std::string& stage, double share)> on_progress = {};
};

// Runs the steps one after another, each on the model the ones before leave, and composes their plans into one for the model given.
// Throws Error(kInput) before any calibration where a step cannot work.
PrunePlan make_plan(const PlanRequest& request);

// Checks the first step's settings against the model, and that calibration is there where a step needs it; reads no weight.
void check_steps(const std::vector<StepSpec>& steps, const ModelConfig& config, bool has_calibration);

}  // namespace winnow
