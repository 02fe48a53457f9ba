#include "harness/app/make_plan.h"

#include <ATen/ATen.h>

#include <numeric>

#include "harness/api/pruner.h"

namespace winnow {
namespace {

bool is_expert(Role role) { return role == Role::kExpertGate || role == Role::kExpertUp || role == Role::kExpertDown; }

// A linear map of a decoder layer: what the papers' code calls find_layers.
bool is_linear(const TensorSpec& tensor) { return tensor.layer >= 0 && tensor.shape.size() == 2; }

std::int64_t elements(const TensorSpec& tensor) { return std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::int64_t{1}, std::multiplies<>()); }

struct WeightCount {
  std::int64_t experts = 0, linears = 0;
};

template <class Count>
WeightCount count_weights(const std::vector<TensorSpec>& tensors, Count count) {
  WeightCount sum;
  for (const TensorSpec& tensor : tensors) {
    if (!is_linear(tensor)) continue;
    const std::int64_t counted = count(tensor);
    sum.linears += counted;
    if (is_expert(tensor.role)) sum.experts += counted;
  }
  return sum;
}

RealisedSparsity measure(const PrunePlan& plan, const PlanRequest& request, const PrunedCheckpoint& pruned) {
  const WeightCount before = count_weights(request.tensors, elements);
  const bool has_zeros = !plan.masks.empty() || !plan.weights.empty();
  const WeightCount after = count_weights(pruned.tensors, [&](const TensorSpec& tensor) {
    if (!has_zeros) return elements(tensor);
    const std::int64_t nonzero = pruned.weights->read(tensor).count_nonzero().item<std::int64_t>();
    pruned.weights->release(tensor);
    return nonzero;
  });
  const auto share = [](std::int64_t left, std::int64_t whole) { return whole == 0 ? 0.0 : 1.0 - static_cast<double>(left) / static_cast<double>(whole); };
  std::int64_t stored = 0;
  for (const TensorSpec& tensor : pruned.tensors) {
    const std::vector<int>* storage = tensor.layer >= 0 ? &pruned.config.layers[tensor.layer].expert_storage : nullptr;
    if (storage && tensor.expert >= 0 && !storage->empty() && (*storage)[tensor.expert] != tensor.expert) continue;
    stored += elements(tensor) * static_cast<std::int64_t>(c10::elementSize(request.walk.dtype));
  }
  return {.experts = share(after.experts, before.experts), .linears = share(after.linears, before.linears), .bytes = stored};
}

// u = 1 − (1 − total) / (1 − e): what is left to remove from weights when e of the experts' weights are gone.
std::optional<double> sparsity_left(const PlanRequest& request, const PrunedCheckpoint& current) {
  if (!request.total_sparsity) return std::nullopt;
  const double before = static_cast<double>(count_weights(request.tensors, elements).experts);
  const double gone = before == 0 ? 0 : 1.0 - static_cast<double>(count_weights(current.tensors, elements).experts) / before;
  if (gone > *request.total_sparsity) {
    throw input_error("variant: the expert steps already remove {:.1f} % of the expert weights, total_sparsity asks for {:.1f} %; remove fewer experts or raise total_sparsity",
                      100 * gone, 100 * *request.total_sparsity);
  }
  return 1.0 - (1.0 - *request.total_sparsity) / (1.0 - gone);
}

Json describe(const StepSpec& step, const Registered<Pruner>& pruner) {
  Json described = Params::check(fmt::format("pruner {}", step.pruner), pruner.settings, step.settings).as_json();
  described["pruner"] = step.pruner;
  described["version"] = pruner.version;
  return described;
}

}  // namespace

void check_steps(const std::vector<StepSpec>& steps, const ModelConfig& config, bool has_calibration) {
  bool weights_changed = false;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::unique_ptr<Pruner> pruner = Registry<Pruner>::instance().make(steps[i].pruner, steps[i].settings);
    if (i == 0) pruner->check(config);  // later steps meet a smaller model, known only once the first has planned
    if (pruner->calibrates() && !has_calibration) throw input_error("{}: it needs calibration tokens; give the variant a \"calibration\"", steps[i].pruner);
    const bool is_weight_step = pruner->target() == Pruner::Target::kWeights;
    if (weights_changed) throw input_error("variant: step {} ({}) stands after a weight step; put expert steps first and one weight step last", i, steps[i].pruner);
    weights_changed = is_weight_step;
  }
}

PrunePlan make_plan(const PlanRequest& request) {
  check_steps(request.steps, request.config, request.calibration != nullptr);
  PrunePlan plan{.model = request.model_sha256, .total_sparsity = request.total_sparsity};
  for (const StepSpec& step : request.steps) {
    const Registered<Pruner>& registered = Registry<Pruner>::instance().find(step.pruner);
    const std::unique_ptr<Pruner> pruner = Registry<Pruner>::instance().make(step.pruner, step.settings);
    const PrunedCheckpoint current = apply_plan(plan, request.config, request.tensors, request.weights);
    pruner->check(current.config);
    PruneInputs inputs{.config = current.config, .tensors = current.tensors, .weights = *current.weights, .model_sha256 = request.model_sha256,
                       .steps_before = plan.steps};
    inputs.calibration = request.calibration;
    inputs.walk = request.walk;
    inputs.scope = request.scope;
    inputs.is_left_out = request.is_left_out;
    inputs.on_progress = request.on_progress;
    if (pruner->target() == Pruner::Target::kWeights) inputs.sparsity = sparsity_left(request, current);
    inputs.observe = [&](const std::set<Observed>& what) {
      LayerWalk walk(current.config, current.tensors, *current.weights, *request.calibration, request.walk);
      return collect_stats(walk, current.config, current.tensors, what);
    };
    PrunePlan decided = pruner->plan(inputs);
    Json described = describe(step, registered);
    for (const Json& note : decided.steps) described.update(note);
    decided.steps = {std::move(described)};
    check_plan(decided, current.config);
    plan = compose_plans(plan, std::move(decided));
  }
  const PrunedCheckpoint pruned = apply_plan(plan, request.config, request.tensors, request.weights);
  if (!request.steps.empty()) plan.realised = measure(plan, request, pruned);
  return plan;
}

}  // namespace winnow
