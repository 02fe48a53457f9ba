#pragma once
#include <string>

#include "harness/api/pruner.h"
#include "harness/sweep/sweep_file.h"

namespace winnow {

// Throws Error(kInput) where a step's settings cannot work on the model; before anything is read or observed.
void check_steps(const VariantSpec& variant, const ModelConfig& config);

// Plans step after step, each on the model as the steps before leave it, and gives the one plan that does them all to the original model.
PrunePlan plan_variant(const VariantSpec& variant, const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& weights, const std::string& model_sha256);

}  // namespace winnow
