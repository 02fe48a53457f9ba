#include "harness/app/plan_variant.h"

#include "harness/pruning/apply.h"

namespace winnow {

void check_steps(const VariantSpec& variant, const ModelConfig& config) {
  for (const StepSpec& step : variant.steps) {
    const std::unique_ptr<Pruner> pruner = Registry<Pruner>::instance().make(step.pruner, step.settings);
    if (pruner->calibrates()) throw unsupported_error("pruner {} needs calibration tokens, which sweeps do not give yet", step.pruner);
    if (&step == &variant.steps.front()) pruner->check(config);  // later ones meet a model that only planning can tell
  }
}

PrunePlan plan_variant(const VariantSpec& variant, const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& weights, const std::string& model_sha256) {
  PrunePlan whole{.model = model_sha256};
  for (const StepSpec& step : variant.steps) {
    const std::unique_ptr<Pruner> pruner = Registry<Pruner>::instance().make(step.pruner, step.settings);
    const PrunedCheckpoint so_far = apply_plan(whole, config, tensors, weights);
    pruner->check(so_far.config);
    PrunePlan next = pruner->plan({.config = so_far.config, .tensors = so_far.tensors, .weights = *so_far.weights, .model_sha256 = model_sha256, .steps_before = whole.steps});
    check_plan(next, so_far.config);
    whole = whole.steps.empty() ? std::move(next) : compose_plans(std::move(whole), std::move(next));
    whole.model = model_sha256;
    Json record = step.settings;
    record["pruner"] = step.pruner;
    record["version"] = step.version;
    whole.steps.push_back(std::move(record));
  }
  check_plan(whole, config);
  return whole;
}

}  // namespace winnow
