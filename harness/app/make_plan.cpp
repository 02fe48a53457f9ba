#include "harness/app/make_plan.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include "harness/api/pruner.h"
#include "harness/core/digest.h"
#include "harness/core/regex.h"
#include "harness/engine/version.h"
#include "harness/pruning/plan_files.h"

namespace winnow {
namespace {

// A linear map of a decoder layer: what the papers' code calls find_layers.
bool is_linear(const TensorSpec& tensor) { return tensor.layer >= 0 && tensor.shape.size() == 2; }

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

// An expert that runs with another's weights has none of its own.
std::int64_t stored_elements(const ModelConfig& config, const TensorSpec& tensor) { return shares_storage(config, tensor) ? 0 : elements(tensor); }

RealisedSparsity measure(const PrunePlan& plan, const PlanRequest& request, const PrunedCheckpoint& pruned) {
  const WeightCount before = count_weights(request.tensors, elements);
  const bool has_zeros = !plan.masks.empty() || !plan.weights.empty();
  const WeightCount after = count_weights(pruned.tensors, [&](const TensorSpec& tensor) -> std::int64_t {
    if (!has_zeros) return stored_elements(pruned.config, tensor);
    if (shares_storage(pruned.config, tensor)) return 0;
    const std::int64_t nonzero = pruned.weights->read_near(tensor, request.walk.device).count_nonzero().item<std::int64_t>();
    pruned.weights->release(tensor);
    return nonzero;
  });
  const auto share = [](std::int64_t left, std::int64_t whole) { return whole == 0 ? 0.0 : 1.0 - static_cast<double>(left) / static_cast<double>(whole); };
  std::int64_t stored = 0;
  for (const TensorSpec& tensor : pruned.tensors) {
    stored += stored_elements(pruned.config, tensor) * static_cast<std::int64_t>(c10::elementSize(request.walk.dtype));
  }
  return {.experts = share(after.experts, before.experts), .linears = share(after.linears, before.linears), .bytes = stored};
}

// u = 1 − (1 − total) / (1 − e): what is left to remove from weights when e of the experts' weights are gone.
std::optional<double> sparsity_left(const PlanRequest& request, const PrunedCheckpoint& current) {
  if (!request.total_sparsity) return std::nullopt;
  const std::int64_t before = count_weights(request.tensors, elements).experts;
  const std::int64_t left = count_weights(current.tensors, [&](const TensorSpec& tensor) { return stored_elements(current.config, tensor); }).experts;
  const double gone = before == 0 ? 0 : static_cast<double>(before - left) / static_cast<double>(before);
  if (gone > *request.total_sparsity) {
    throw input_error(
        "variant: the expert steps already remove {:.1f} % of the expert weights, total_sparsity asks for {:.1f} %; remove fewer experts or raise "
        "total_sparsity",
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

constexpr std::int64_t kFewTokens = 32;  // an expert's statistics over fewer tokens say little

std::int64_t experts_with_few_tokens(const CalibrationStats& stats) {
  std::int64_t count = 0;
  for (const LayerStats& layer : stats.layers) count += layer.count.defined() ? (layer.count < kFewTokens).sum().item<std::int64_t>() : 0;
  return count;
}

// Statistics of one model as some steps left it, remembered while a step plans, and in the cache folder.
class StatsOf {
 public:
  StatsOf(const PlanRequest& request, const PrunePlan& so_far, const PrunedCheckpoint& current) : request_(request), current_(current) {
    if (request.cache.empty() || request.calibration == nullptr) return;
    key_ = sha256_hex(canonical_json({{"plan", plan_to_json(so_far)},
                                      {"tokens", request.calibration->sha256()},
                                      {"dtype", c10::toString(request.walk.dtype)},
                                      {"engine", kEngineVersion},
                                      {"model", request.content_sha256}}));
  }

  CalibrationStats observe(const std::set<Observed>& what) {
    for (const auto& [observed, stats] : known_) {
      if (std::ranges::includes(observed, what)) return stats;
    }
    const std::filesystem::path file = file_of(what);
    if (!file.empty() && std::filesystem::exists(file)) return known_.emplace_back(what, read_stats(file)).second;
    LayerWalk walk(current_.config, current_.tensors, *current_.weights, *request_.calibration, request_.walk);
    CalibrationStats stats = collect_stats(walk, current_.config, current_.tensors, what);
    if (!file.empty()) write_stats(file, stats, {{"model", request_.model_sha256}});
    return known_.emplace_back(what, std::move(stats)).second;
  }

 private:
  std::filesystem::path file_of(const std::set<Observed>& what) const {
    if (key_.empty()) return {};
    std::string name = key_.substr(0, 24);
    for (const Observed observed : what) name += fmt::format("-{}", static_cast<int>(observed));
    return request_.cache / ("stats-" + name + ".safetensors");
  }

  const PlanRequest& request_;
  const PrunedCheckpoint& current_;
  std::string key_;
  std::vector<std::pair<std::set<Observed>, CalibrationStats>> known_;
};

std::filesystem::path cached_plan_file(const PlanRequest& request) {
  if (request.cache.empty() || request.steps.empty()) return {};
  Json steps = Json::array();
  for (const StepSpec& step : request.steps) {
    if (step.settings.contains("file")) return {};  // is a plan file already
    steps.push_back(describe(step, Registry<Pruner>::instance().find(step.pruner)));
  }
  const Json key = {{"steps", steps},
                    {"total_sparsity", request.total_sparsity.value_or(-1)},
                    {"scope", request.scope},
                    {"leave_out", request.leave_out},
                    {"model", request.content_sha256},
                    {"tokens", request.calibration ? request.calibration->sha256() : ""},
                    {"dtype", c10::toString(request.walk.dtype)},
                    {"engine", kEngineVersion}};
  return request.cache / ("plan-" + sha256_hex(canonical_json(key)).substr(0, 24) + ".json");
}

// What the variant's patterns name stays: a layer whose router matches keeps its experts; an expert that matches may not have gone.
void leave_out(const PlanRequest& request, const StepSpec& step, const PrunedCheckpoint& current, PrunePlan& decided) {
  if (!request.is_left_out) return;
  for (const TensorSpec& tensor : current.tensors) {
    if (!request.is_left_out(tensor)) continue;
    if (tensor.role == Role::kRouter) std::erase_if(decided.layers, [&](const LayerPlan& layer) { return layer.layer == tensor.layer; });
    const auto layer = std::ranges::find(decided.layers, tensor.layer, &LayerPlan::layer);
    if (tensor.role != Role::kExpertGate || layer == decided.layers.end()) continue;
    const bool stays = layer->merges.empty() && (layer->kept.empty() || std::ranges::binary_search(layer->kept, tensor.expert));
    if (!stays) {
      throw input_error(
          "{}: leave_out names expert {} of layer {}, which this pruner removes; leave out the whole layer, or choose a pruner that scores experts",
          step.pruner, tensor.expert, tensor.layer);
    }
  }
}

PrunePlan plan_step(const PlanRequest& request, const StepSpec& step, const PrunePlan& so_far) {
  const Registered<Pruner>& registered = Registry<Pruner>::instance().find(step.pruner);
  const std::unique_ptr<Pruner> pruner = Registry<Pruner>::instance().make(step.pruner, step.settings);
  const PrunedCheckpoint current = apply_plan(so_far, request.config, request.tensors, request.weights);
  pruner->check(current.config);
  StatsOf stats(request, so_far, current);
  PruneInputs inputs{
      .config = current.config, .tensors = current.tensors, .weights = *current.weights, .model_sha256 = request.model_sha256, .steps_before = so_far.steps};
  inputs.calibration = request.calibration;
  inputs.walk = request.walk;
  inputs.scope = request.scope;
  inputs.is_left_out = request.is_left_out;
  inputs.on_progress = request.on_progress;
  if (pruner->target() == Pruner::Target::kWeights) inputs.sparsity = sparsity_left(request, current);
  inputs.observe = [&](const std::set<Observed>& what) { return stats.observe(what); };
  PrunePlan decided = pruner->plan(inputs);
  if (pruner->target() == Pruner::Target::kExperts) leave_out(request, step, current, decided);
  Json described = describe(step, registered);
  for (const Json& note : decided.steps) described.update(note);
  if (pruner->calibrates()) described["experts_with_few_tokens"] = experts_with_few_tokens(stats.observe({Observed::kCounts}));
  if (!decided.masks.empty()) described["note"] = "zeros in dense kernels: the pruned weights are neither smaller in memory nor faster";
  decided.steps = {std::move(described)};
  check_plan(decided, current.config);
  return decided;
}

}  // namespace

std::int64_t elements(const TensorSpec& tensor) { return std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::int64_t{1}, std::multiplies<>()); }

PlanRequest request_plan(const VariantSpec& variant, const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& weights,
                         const std::string& model_sha256) {
  PlanRequest request{.config = config, .tensors = tensors, .weights = weights, .model_sha256 = model_sha256, .steps = variant.steps};
  request.total_sparsity = variant.total_sparsity;
  request.scope = variant.scope;
  request.leave_out = variant.leave_out;
  if (variant.leave_out.empty()) return request;
  auto patterns = std::make_shared<std::vector<Regex>>();
  for (const std::string& pattern : variant.leave_out) patterns->emplace_back(pattern);
  request.is_left_out = [patterns](const TensorSpec& tensor) {
    return std::ranges::any_of(*patterns, [&](const Regex& pattern) { return pattern.search(tensor.name).has_value(); });
  };
  return request;
}

void check_steps(const std::vector<StepSpec>& steps, const ModelConfig& config, bool has_calibration) {
  bool weights_changed = false;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::unique_ptr<Pruner> pruner = Registry<Pruner>::instance().make(steps[i].pruner, steps[i].settings);
    if (i == 0) pruner->check(config);  // later steps meet a smaller model, known only once the first has planned
    if (pruner->calibrates() && !has_calibration) throw input_error("{}: it needs calibration tokens; give the variant a \"calibration\"", steps[i].pruner);
    const bool is_weight_step = pruner->target() == Pruner::Target::kWeights;
    if (i > 0 && pruner->is_of_the_checkpoint())
      throw input_error("variant: step {} ({}) carries out a plan of the whole model, but the steps before it leave another; put it first", i, steps[i].pruner);
    if (weights_changed)
      throw input_error("variant: step {} ({}) stands after a weight step; put expert steps first and one weight step last", i, steps[i].pruner);
    weights_changed = is_weight_step;
  }
}

PrunePlan make_plan(const PlanRequest& request) {
  WINNOW_CHECK(request.cache.empty() || !request.content_sha256.empty());
  check_steps(request.steps, request.config, request.calibration != nullptr);
  const std::filesystem::path cached = cached_plan_file(request);
  if (!cached.empty() && std::filesystem::exists(cached)) return read_plan(cached);
  PrunePlan plan{.model = request.model_sha256};
  for (const StepSpec& step : request.steps) plan = compose_plans(plan, plan_step(request, step, plan));
  plan.total_sparsity = request.total_sparsity;
  const PrunedCheckpoint pruned = apply_plan(plan, request.config, request.tensors, request.weights);
  if (!request.steps.empty()) plan.realised = measure(plan, request, pruned);
  if (cached.empty()) return plan;
  write_plan(cached, plan);
  return read_plan(cached);  // updated weights may be as large as the model: from now on they are pages of that file
}

}  // namespace winnow
