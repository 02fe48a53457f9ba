#include "harness/app/open_model.h"

#include <ATen/ATen.h>

#include <chrono>
#include <map>

#include "harness/app/calibration.h"
#include "harness/app/make_plan.h"
#include "harness/app/measured_model.h"
#include "harness/app/stop_signals.h"
#include "harness/core/clock.h"
#include "harness/core/digest.h"
#include "harness/engine/cuda.h"
#include "harness/engine/version.h"
#include "harness/model/checkpoint.h"
#include "harness/model/dtype.h"
#include "harness/pruning/apply.h"
#include "harness/text/engine_language_model.h"
#include "harness/text/recorded_language_model.h"
#include "harness/text/served_language_model.h"

namespace winnow {
namespace {

using Clock = std::chrono::steady_clock;

// What is known of a model once its files were looked at, or its server asked. One of the three kinds is there.
struct KnownModel {
  ModelIdentity identity;
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<LanguageModel> elsewhere;  // recorded or served
  std::optional<std::int32_t> bos_id = {};   // of a served one
  std::unique_ptr<ModelConfig> random_shape;
  std::vector<TensorSpec> random_tensors;
  std::unique_ptr<WeightSource> random_source;

  const ModelConfig& config() const { return checkpoint ? checkpoint->config() : *random_shape; }
  const std::vector<TensorSpec>& tensors() const { return checkpoint ? checkpoint->tensors() : random_tensors; }
  WeightSource& weights() { return checkpoint ? *checkpoint : *random_source; }
  std::string header_sha256() const { return checkpoint ? checkpoint->header_sha256() : identity.content_sha256; }
  std::unique_ptr<Tokenizer> open_tokenizer() const {
    return checkpoint && !identity.tokenizer_fault ? Tokenizer::open(checkpoint->folder(), checkpoint->config().vocabulary) : nullptr;
  }
};

KnownModel look_at_recorded(const ModelSpec& spec) {
  KnownModel known{.identity = {.content_sha256 = sha256_file(spec.recorded), .is_recorded = true}};
  known.elsewhere = open_recorded_outputs(spec.recorded);
  return known;
}

KnownModel look_at_served(const ServedSpec& spec, const std::function<bool()>& should_stop) {
  ServedOptions options{.endpoint = spec.endpoint,
                        .model = spec.model,
                        .tokenizer = find_model_folder(spec.tokenizer),
                        .max_length = spec.max_length,
                        .api_key_env = spec.api_key_env,
                        .http = {}};
  options.scoring = spec.scoring == "none" ? ServedOptions::Scoring::kNone : ServedOptions::Scoring::kEcho;
  options.http = {.concurrency = spec.concurrency,
                  .requests_per_second = spec.requests_per_second,
                  .reply_seconds = spec.timeout_seconds,
                  .attempts = spec.attempts,
                  .connect_attempts = spec.attempts,
                  .should_stop = should_stop ? should_stop : StopSignals::arrived};
  ServedModel served = open_served_model(options);
  KnownModel known{.identity = {.tokenizer_sha256 = served.tokenizer_sha256, .served = served.identity}};
  known.elsewhere = std::move(served.model);
  known.bos_id = served.bos_id;
  return known;
}

KnownModel look_at_random(const ModelSpec& spec) {
  KnownModel known{.identity = {.has_random_weights = true, .engine_version = std::to_string(kEngineVersion)}};
  known.random_shape = std::make_unique<ModelConfig>(read_model_config(spec.config));
  known.identity.content_sha256 = sha256_hex(fmt::format("random weights, seed {}: {}", spec.seed, canonical_json(known.random_shape->original)));
  known.random_tensors = Registry<Family>::instance().make(known.random_shape->family)->tensors(*known.random_shape);
  known.random_source = random_weights(*known.random_shape, spec.seed);
  return known;
}

KnownModel look_at_checkpoint(const ModelSpec& spec) {
  KnownModel known{.identity = {.engine_version = std::to_string(kEngineVersion)}};
  known.checkpoint = Checkpoint::open(find_model_folder(spec.path));
  try {
    known.identity.tokenizer_sha256 = known.open_tokenizer()->digest();
  } catch (const Error& fault) {  // of interest only to cells that read text
    known.identity.tokenizer_fault = fault;
  }
  known.identity.content_sha256 = known.checkpoint->content_sha256();
  return known;
}

// Hands on to a model that is kept for the next variant.
class Borrowed : public LanguageModel {
 public:
  explicit Borrowed(LanguageModel& model) : model_(model) {}
  void answer(std::span<const Request> requests, const AnswerSettings& settings, const OnResponse& on_response) override {
    model_.answer(requests, settings, on_response);
  }
  std::vector<std::int32_t> encode(std::string_view text, Special special) const override { return model_.encode(text, special); }
  WorkCounters counters() const override { return model_.counters(); }

 private:
  LanguageModel& model_;
};

double expert_weights(const ModelConfig& config) {
  double count = 0;
  for (const LayerConfig& layer : config.layers)
    count += 3.0 * static_cast<double>(config.hidden) * static_cast<double>(layer.expert_width) * static_cast<double>(layer.experts);
  return count;
}

std::vector<Metric> size_metrics(const ModelConfig& before, const ModelConfig& after) {
  const double experts_before = expert_weights(before);
  std::vector<Metric> metrics = {
      {.name = "parameters", .value = static_cast<double>(after.parameters()), .unit = "parameters", .higher_is_better = false, .count = 1}};
  double experts = 0;
  for (const LayerConfig& layer : after.layers) experts += layer.mlp == LayerConfig::Mlp::kMoe ? static_cast<double>(layer.experts) : 0;
  if (experts_before > 0) {
    metrics.push_back({.name = "experts_kept", .value = experts, .unit = "experts", .higher_is_better = false, .count = 1});
    metrics.push_back({.name = "expert_sparsity", .value = 1 - expert_weights(after) / experts_before, .unit = "share", .higher_is_better = true, .count = 1});
  }
  return metrics;
}

void add_plan_metrics(const PrunePlan& plan, std::vector<Metric>& metrics) {
  if (!plan.realised) return;
  const auto add = [&](const char* name, double value, const char* unit) {
    metrics.push_back({.name = name, .value = value, .unit = unit, .higher_is_better = true, .count = 1});
  };
  add("realised_expert_sparsity", plan.realised->experts, "share");
  add("realised_sparsity", plan.realised->linears, "share");
  add("stored_bytes", static_cast<double>(plan.realised->bytes), "bytes");
  metrics.back().higher_is_better = false;
  if (!plan.masks.empty()) add("masked_matrices", static_cast<double>(plan.masks.size()), "matrices");
  double few = 0;
  for (const Json& step : plan.steps) few += step.value("experts_with_few_tokens", 0.0);
  add("experts_with_few_tokens", few, "experts");
  metrics.back().higher_is_better = false;
}

LoadOptions::Experts experts_in_memory(const std::string& named) {
  using Experts = LoadOptions::Experts;
  return named == "bitmap" ? Experts::kBitmap : named == "streamed" ? Experts::kStreamed : Experts::kDense;
}

LoadOptions load_options(const ModelSpec& spec, at::Device device) {
  return {.dtype = scalar_type(spec.dtype), .device = device, .experts = experts_in_memory(spec.experts), .kept_experts = {}};
}

class Opener : public ModelOpener {
 public:
  explicit Opener(const OpenerOptions& options) : options_(options), device_(open_device(options.device)) {}

  ModelIdentity identify(const ModelSpec& spec) override { return known(spec).identity; }

  void check(const ModelSpec& spec, const VariantSpec& variant) override {
    const KnownModel& model = known(spec);
    if (!model.elsewhere) check_steps(variant.steps, model.config(), variant.calibration.has_value());
  }

  OpenedModel open(const ModelSpec& spec, const VariantSpec& variant) override {
    KnownModel& model = known(spec);
    OpenedModel opened;
    if (model.elsewhere) {
      opened.model = std::make_unique<Borrowed>(*model.elsewhere);
      opened.bos_id = model.bos_id;
      return opened;
    }
    WINNOW_CHECK(model.checkpoint && !model.identity.tokenizer_fault);
    Checkpoint& checkpoint = *model.checkpoint;
    const Clock::time_point began = Clock::now();
    std::unique_ptr<Tokenizer> tokenizer = model.open_tokenizer();
    const PrunePlan plan = plan_of(spec, variant, model, tokenizer.get());
    const Clock::time_point planned = Clock::now();
    const PrunedCheckpoint pruned = apply_plan(plan, checkpoint.config(), checkpoint.tensors(), checkpoint);
    Model loaded = load_model(pruned.config, pruned.tensors, *pruned.weights, load_options(spec, device_));
    opened.bos_id = tokenizer->bos_id();
    opened.model = make_engine_language_model(std::move(loaded), std::move(tokenizer), {.token_budget = options_.token_budget});
    opened.seconds["load"] = seconds_since(planned);
    if (!variant.steps.empty()) {
      opened.seconds["plan"] = std::chrono::duration<double>(planned - began).count();
      opened.plan_json = canonical_json(plan_to_json(plan));
    }
    if (!device_.is_cpu()) {
      opened.device_peak_bytes = [device = device_] {
        const std::int64_t peak = device_memory(device).allocated_peak_bytes;
        restart_device_peaks(device);
        return peak;
      };
    }
    opened.metrics = size_metrics(checkpoint.config(), pruned.config);
    add_plan_metrics(plan, opened.metrics);
    opened.check_unchanged = [&checkpoint] { checkpoint.check_unchanged(); };
    return opened;
  }

  OpenedToMeasure open_to_measure(const ModelSpec& spec, const std::vector<VariantSpec>& variants) override {
    KnownModel& model = known(spec);
    if (model.elsewhere) return ModelOpener::open_to_measure(spec, variants);
    MeasuredParts parts{.config = model.config(), .tensors = model.tensors(), .weights = model.weights()};
    parts.file_bytes = model.checkpoint ? static_cast<std::int64_t>(model.checkpoint->weight_bytes()) : 0;
    parts.tokenizer = model.open_tokenizer();
    parts.load = load_options(spec, device_);
    parts.token_budget = options_.token_budget;
    parts.variants = variants.size();
    parts.make_plan = [this, spec, variants, &model, tokenizer = parts.tokenizer.get()](VariantNumber variant) {
      return plan_of(spec, variants.at(static_cast<std::size_t>(variant)), model, tokenizer);
    };
    OpenedToMeasure opened;
    std::unique_ptr<EngineMeasuredModel> measured = make_measured_model(std::move(parts));
    opened.plan = [measured = measured.get()](VariantNumber variant) { return measured->plan(variant); };
    opened.model = std::move(measured);
    if (model.checkpoint) opened.check_unchanged = [&model] { model.checkpoint->check_unchanged(); };
    return opened;
  }

 private:
  PrunePlan plan_of(const ModelSpec& spec, const VariantSpec& variant, KnownModel& model, const Tokenizer* tokenizer) const {
    PlanRequest request = request_plan(variant, model.config(), model.tensors(), model.weights(), model.header_sha256());
    request.walk = {.dtype = scalar_type(spec.dtype), .device = device_};
    request.cache = options_.cache;
    if (options_.on_step) request.on_progress = [this](const std::string&, double) { options_.on_step(); };
    request.content_sha256 = model.identity.content_sha256;
    CalibrationTokens tokens;
    if (variant.calibration) {
      tokens = load_calibration(*variant.calibration, *options_.datasets, tokenizer, model.config());
      request.calibration = &tokens;
    }
    if (!request.cache.empty() && !variant.steps.empty()) std::filesystem::create_directories(request.cache);
    return make_plan(request);
  }

  KnownModel& known(const ModelSpec& spec) {
    const auto found = known_.find(spec.name);
    if (found != known_.end()) return found->second;
    try {
      return known_
          .emplace(spec.name, spec.served              ? look_at_served(*spec.served, options_.should_stop)
                              : !spec.recorded.empty() ? look_at_recorded(spec)
                              : !spec.config.empty()   ? look_at_random(spec)
                                                       : look_at_checkpoint(spec))
          .first->second;
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("model '{}': {}", spec.name, error.what()));
    }
  }

  OpenerOptions options_;
  at::Device device_;
  std::map<std::string, KnownModel> known_;
};

}  // namespace

std::string fault_of_device(const std::string& name) {
  const bool has_index = name.starts_with("cuda:") && name.size() > 5 && name.size() < 9 && name.find_first_not_of("0123456789", 5) == std::string::npos;
  return name == "cpu" || name == "cuda" || has_index ? "" : fmt::format("'{}' is no device; expected cpu, cuda or cuda:N", name);
}

at::Device open_device(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  const at::Device first = open_cuda();
  const at::Device named(name);
  if (!named.has_index()) return first;
  if (static_cast<std::size_t>(named.index()) >= at::getNumGPUs())
    throw unsupported_error("device {}: this machine has {} GPUs, counted from 0", name, at::getNumGPUs());
  return named;
}

std::unique_ptr<ModelOpener> make_model_opener(const OpenerOptions& options) { return std::make_unique<Opener>(options); }

}  // namespace winnow
