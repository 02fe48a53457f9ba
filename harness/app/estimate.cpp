#include "harness/app/estimate.h"

#include <algorithm>
#include <filesystem>

#include "harness/app/machine_speed.h"
#include "harness/app/token_count.h"
#include "harness/core/error.h"
#include "harness/model/checkpoint.h"
#include "harness/model/inspect.h"

namespace winnow {
namespace {

std::optional<double> metric_of(const Trial& trial, const char* name) {
  for (const Metric& metric : trial.metrics) {
    if (metric.name == name) return metric.value;
  }
  return std::nullopt;
}

double seconds_of(const Trial& trial, const char* phase) {
  const auto found = trial.seconds.find(phase);
  return found == trial.seconds.end() ? 0 : found->second;
}

// Mean over what is there.
class Mean {
 public:
  void add(std::optional<double> value) {
    if (!value) return;
    sum_ += *value;
    ++count_;
  }
  std::optional<double> value() const { return count_ == 0 ? std::nullopt : std::optional(sum_ / count_); }

 private:
  double sum_ = 0;
  int count_ = 0;
};

bool is_same_machine(const Json& there, const Json& here) {
  const auto same = [](const Json& a, const Json& b, const char* name) { return member_in(a, name) == member_in(b, name); };
  const Json &machine_there = member_in(there, "machine"), &machine_here = member_in(here, "machine");
  return same(there, here, "threads") && same(there, here, "device") && same(machine_there, machine_here, "cpu") && same(machine_there, machine_here, "cores");
}

// What is known of one model of the sweep without loading it.
struct ModelFacts {
  std::optional<ModelDescription> description;  // empty: recorded outputs
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<const Trial*> trials;  // of it, on this machine, that went well
  std::map<std::size_t, std::optional<TokenCount>> tokens_by_task;
  std::optional<TokenSpeed> speed;
};

class Estimator {
 public:
  explicit Estimator(const EstimateInputs& inputs) : inputs_(inputs) {
    for (const Trial& trial : inputs_.trials) {
      if (trial.status == TrialStatus::kOk && is_same_machine(trial.environment, inputs_.environment)) usable_.push_back(&trial);
    }
  }

  SweepEstimate run() {
    for (const Cell* cell : inputs_.cells) result_.cells.push_back(estimate_cell(*cell));
    if (cells_by_same_task_ > 0)
      result_.sources.push_back(
          fmt::format("{} of {} cells: what trials of the same model and task took on this machine", cells_by_same_task_, inputs_.cells.size()));
    if (cells_by_model_ > 0)
      result_.sources.push_back(
          fmt::format("{} of {} cells: tokens counted over up to 64 examples of each task, at the speed of other trials of the model on this machine",
                      cells_by_model_, inputs_.cells.size()));
    if (cells_by_calibration_ > 0) {
      result_.sources.push_back(
          fmt::format("{} of {} cells: tokens counted over up to 64 examples of each task, at the speed of {:.1f} s of matrix products in the model's sizes on "
                      "this machine; "
                      "shared prompts make it less, loading and pruning come on top; trials in the store will say it better",
                      cells_by_calibration_, inputs_.cells.size(), calibration_seconds_));
    }
    return std::move(result_);
  }

 private:
  CellEstimate estimate_cell(const Cell& cell) {
    ModelFacts& model = facts_of(cell);
    CellEstimate estimate;
    estimate.bytes = bytes_of(cell, model);
    Mean seconds, tokens;
    for (const Trial* trial : model.trials) {
      if (member_in(trial->cell.identity, "task") != cell.identity["task"]) continue;
      seconds.add(seconds_of(*trial, "total"));
      tokens.add(metric_of(*trial, "tokens_asked"));
    }
    estimate.tokens = tokens.value();
    estimate.seconds = seconds.value();
    if (estimate.seconds) {
      ++cells_by_same_task_;
      return estimate;
    }
    if (!model.tokenizer) return estimate;
    const std::optional<TokenCount>& count = tokens_of(cell, model);
    if (!count) return estimate;
    estimate.tokens = count->prompt + count->generated;
    const TokenSpeed& speed = speed_of(cell, model);
    if (speed.prefill <= 0) return estimate;
    estimate.seconds = count->prompt / speed.prefill + count->generated / speed.decode;
    ++(speed.calibration_seconds > 0 ? cells_by_calibration_ : cells_by_model_);
    return estimate;
  }

  ModelFacts& facts_of(const Cell& cell) {
    const auto [found, is_new] = models_.try_emplace(cell.model_index);
    ModelFacts& facts = found->second;
    if (!is_new) return facts;
    for (const Trial* trial : usable_) {
      if (member_in(trial->cell.identity, "model") == cell.identity["model"]) facts.trials.push_back(trial);
    }
    const ModelSpec& spec = inputs_.sweep.models[cell.model_index];
    if (!spec.config.empty()) facts.description = inspect_model(spec.config);
    if (!spec.path.empty()) {
      const std::filesystem::path folder = find_model_folder(spec.path);
      facts.description = inspect_model(folder);
      facts.tokenizer = Tokenizer::open(folder, facts.description->config.vocabulary);
    }
    return facts;
  }

  // The most that a trial of the variant took, else of the model, else what the whole model in its dtype needs.
  std::optional<double> bytes_of(const Cell& cell, const ModelFacts& model) const {
    std::optional<double> of_variant, of_model;
    for (const Trial* trial : model.trials) {
      const std::optional<double> peak = metric_of(*trial, "peak_bytes");
      if (!peak) continue;
      of_model = std::max(of_model.value_or(0), *peak);
      if (member_in(trial->cell.identity, "steps") == cell.identity["steps"]) of_variant = std::max(of_variant.value_or(0), *peak);
    }
    if (of_variant || of_model) return of_variant ? of_variant : of_model;
    if (!model.description) return std::nullopt;
    for (const MemoryNeed& need : model.description->memory) {
      if (need.dtype == inputs_.sweep.models[cell.model_index].dtype) return static_cast<double>(need.needed_bytes);
    }
    return std::nullopt;
  }

  const std::optional<TokenCount>& tokens_of(const Cell& cell, ModelFacts& model) {
    const auto [found, is_new] = model.tokens_by_task.try_emplace(cell.task_index);
    if (is_new) found->second = count_tokens(inputs_.sweep.tasks[cell.task_index], inputs_.datasets, *model.tokenizer);
    return found->second;
  }

  // Tokens asked per second of answering: what prompts share is in it.
  const TokenSpeed& speed_of(const Cell& cell, ModelFacts& model) {
    if (model.speed) return *model.speed;
    double asked = 0, seconds = 0;
    Mean decode;
    for (const Trial* trial : model.trials) {
      asked += metric_of(*trial, "tokens_asked").value_or(0);
      seconds += seconds_of(*trial, "prefill");
      decode.add(metric_of(*trial, "decode_tokens_per_second"));
    }
    if (asked > 0 && seconds > 0) {
      model.speed = TokenSpeed{.prefill = asked / seconds, .decode = decode.value().value_or(asked / seconds)};
    } else {
      model.speed = calibrated(inputs_.sweep.models[cell.model_index], *model.description);
    }
    return *model.speed;
  }

  // No speed where the sweep's device is not.
  TokenSpeed calibrated(const ModelSpec& spec, const ModelDescription& description) {
    try {
      const TokenSpeed speed = calibrate_speed(description.config, spec.dtype, inputs_.sweep.device);
      calibration_seconds_ += speed.calibration_seconds;
      return speed;
    } catch (const Error& error) {
      result_.sources.push_back(fmt::format("model '{}': no time, since its speed cannot be measured here: {}", spec.name, error.what()));
      return {};
    }
  }

  const EstimateInputs& inputs_;
  std::vector<const Trial*> usable_;
  std::map<std::size_t, ModelFacts> models_;
  std::size_t cells_by_same_task_ = 0, cells_by_model_ = 0, cells_by_calibration_ = 0;
  double calibration_seconds_ = 0;
  SweepEstimate result_;
};

}  // namespace

SweepEstimate estimate(const EstimateInputs& inputs) { return Estimator(inputs).run(); }

}  // namespace winnow
