#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>

#include "harness/core/digest.h"
#include "harness/sweep/calibration_text.h"
#include "harness/sweep/known_tasks.h"
#include "harness/sweep/run_sweep.h"
#include "harness/sweep/surroundings.h"

namespace winnow {
namespace {

constexpr int kMaxCells = 1'000'000;

// Digests of the data that a task or a measurement reads; makes it check them.
template <class Plugin>
Json checked_data(const Plugin& task, DatasetSource& datasets) {
  Json data = Json::array();
  for (const DatasetPart& part : task.reads()) {
    const DatasetRows& rows = datasets.read(part);
    data.push_back({{"dataset", part.dataset}, {"split", part.split}, {"subset", part.subset}, {"sha256", rows.sha256}, {"edition", rows.edition}});
  }
  task.check(datasets);
  return data;
}

// What of a task decides its results.
Json task_identity(const Sweep& sweep, const TaskSpec& spec, DatasetSource& datasets) {
  const TaskDeclaration declared = task_declaration(spec.task);
  const Json settings = Params::check("task " + spec.task, declared.settings, spec.settings).as_json();
  Json identity = {{"task", spec.task}, {"version", declared.version}, {"settings", settings}};
  if (!is_measurement(spec.task)) {
    identity["data"] = checked_data(*Registry<Task>::instance().make(spec.task, settings), datasets);
    return identity;
  }
  const std::unique_ptr<Measurement> measurement = Registry<Measurement>::instance().make(spec.task, settings);
  identity["data"] = checked_data(*measurement, datasets);
  identity["measures"] = "engine";
  if (measurement->depends_on_machine())
    identity["machine"] = {{"cpu", surroundings()["cpu"]}, {"threads", sweep.threads > 0 ? sweep.threads : usable_cores()}};
  return identity;
}

Json model_identity(const ModelSpec& spec, const std::string& device, const ModelIdentity& identity) {
  if (identity.is_recorded) return {{"recorded_sha256", identity.content_sha256}};
  if (!identity.served.is_null()) return {{"served", identity.served}, {"tokenizer_sha256", identity.tokenizer_sha256}, {"engine", "not ours"}};
  Json json = {{"content_sha256", identity.content_sha256},
               {"tokenizer_sha256", identity.tokenizer_sha256},
               {"dtype", spec.dtype},
               {"device", device_kind(device)},
               {"engine", identity.engine_version}};
  if (spec.experts != "dense") json["experts"] = spec.experts;
  return json;
}

// Measurements of a model without a tokenizer are all that can be run of it.
void check_tokenizer(const Sweep& sweep, const Cell& cell, const ModelIdentity& identity) {
  const TaskSpec& task = sweep.tasks[cell.task_index];
  if (!identity.tokenizer_fault) return;
  if (is_measurement(task.task) && !Registry<Measurement>::instance().make(task.task, task.settings)->needs_tokenizer()) return;
  throw Error(identity.tokenizer_fault->kind(), fmt::format("model '{}': {}", cell.model, identity.tokenizer_fault->what()));
}

// A plan made elsewhere counts by what is in it, not by where it lies.
Json step_settings(const StepSpec& step) {
  Json settings = step.settings;
  if (!settings.contains("file")) return settings;
  const std::filesystem::path file(settings["file"].get<std::string>());
  const std::filesystem::path tensors = std::filesystem::path(file).replace_extension(".safetensors");
  settings["file"] = {sha256_file(file), std::filesystem::exists(tensors) ? sha256_file(tensors) : ""};
  return settings;
}

Json variant_identity(const VariantSpec& variant, DatasetSource& datasets) {
  const Json calibration = variant.calibration ? Json(calibration_sha256(*variant.calibration, datasets)) : Json(nullptr);
  Json steps = Json::array();
  for (const StepSpec& step : variant.steps) {
    steps.push_back({{"pruner", step.pruner}, {"version", step.version}, {"settings", step_settings(step)}, {"calibration_sha256", calibration}});
  }
  if (!variant.total_sparsity && variant.leave_out.empty() && variant.scope == "linears") return steps;
  return {{"steps", std::move(steps)},
          {"total_sparsity", variant.total_sparsity ? Json(*variant.total_sparsity) : Json(nullptr)},
          {"scope", variant.scope},
          {"leave_out", variant.leave_out}};
}

// The task, and its data set where that is not the task's own: "gsm8k", "demo_gsm8k", "perplexity on demo_text".
std::string task_and_dataset(const TaskSpec& spec) {
  for (const Setting& setting : task_declaration(spec.task).settings) {
    if (setting.name != "dataset" || !spec.settings.contains("dataset") || spec.settings["dataset"] == setting.default_value) continue;
    const std::string dataset = spec.settings["dataset"].get<std::string>();
    return dataset.ends_with("_" + spec.task) ? dataset : fmt::format("{} on {}", spec.task, dataset);
  }
  return spec.task;
}

// By task, the settings that not all its namesakes in the sweep have alike.
using DifferingSettings = std::map<std::string, std::set<std::string>>;

DifferingSettings differing_settings(const Sweep& sweep) {
  DifferingSettings differing;
  std::map<std::string, const TaskSpec*> firsts;
  for (const TaskSpec& spec : sweep.tasks) {
    const Json& first = firsts.try_emplace(spec.task, &spec).first->second->settings;
    for (const auto& [name, value] : spec.settings.items()) {
      if (!first.contains(name) || first[name] != value) differing[spec.task].insert(name);
    }
    for (const auto& [name, value] : first.items()) {
      if (!spec.settings.contains(name)) differing[spec.task].insert(name);
    }
  }
  return differing;
}

// With the settings that tell a task from its namesakes: "gsm8k limit=40 shots=0".
std::string task_label(const TaskSpec& spec, const DifferingSettings& differing) {
  std::string label = task_and_dataset(spec);
  const auto names = differing.find(spec.task);
  for (const auto& [name, value] : spec.settings.items()) {
    if (name != "dataset" && names != differing.end() && names->second.contains(name)) label += fmt::format(" {}={}", name, shown(value));
  }
  return label;
}

// Cells in running order, less the excluded ones; a key that comes twice is two models that are one.
class Expansion {
 public:
  explicit Expansion(const Sweep& sweep) : sweep_(sweep), is_met_(sweep.exclusions.size()) {}

  void add(Cell cell) {
    met_.models.insert(cell.model);
    met_.variants.insert(cell.variant);
    met_.tasks.insert({cell.task, cell.task_label});
    if (is_excluded(cell)) return;
    const auto [same, is_new] = first_with_key_.try_emplace(cell.key, cells_.size());
    if (!is_new) {
      const Cell& first = cells_[same->second];
      if (first.model_index == cell.model_index && first.variant_index == cell.variant_index) return;  // the same task with "until"
      throw input_error("models '{}' and '{}' hold the same in the same dtype, so their results are one; leave one of them out", first.model, cell.model);
    }
    cells_.push_back(std::move(cell));
  }

  std::vector<Cell> take() {
    for (std::size_t e = 0; e < is_met_.size(); ++e) {
      if (is_met_[e]) continue;
      const Exclusion& exclusion = sweep_.exclusions[e];
      throw input_error("{}: it matches no cell of the sweep{}; take it out, or see the names with --dry-run", exclusion.place, misspelt_name(exclusion));
    }
    WINNOW_CHECK(!cells_.empty() || !sweep_.exclusions.empty());
    if (cells_.empty()) throw input_error("{}: nothing is left of the sweep, so there is nothing to run", sweep_.exclusions.back().place);
    return std::move(cells_);
  }

 private:
  // ": no variant is named 'halv' (did you mean 'half'?)", of the first name that is no pattern and nobody's.
  std::string misspelt_name(const Exclusion& exclusion) const {
    const std::tuple<const char*, const std::string&, const std::set<std::string>&> asked[] = {
        {"model", exclusion.model, met_.models}, {"variant", exclusion.variant, met_.variants}, {"task", exclusion.task, met_.tasks}};
    for (const auto& [kind, name, known] : asked) {
      if (known.contains(name) || name.find_first_of("*?[") != std::string::npos) continue;
      return fmt::format(": no {} is named '{}'{}", kind, name, did_you_mean(name, std::vector<std::string>(known.begin(), known.end())));
    }
    return "";
  }

  bool is_excluded(const Cell& cell) {
    if (is_met_.empty()) return false;
    GridValues values = sweep_.models[cell.model_index].grid;
    for (const GridValues* more : {&sweep_.variants[cell.variant_index].grid, &sweep_.tasks[cell.task_index].grid}) values.insert(more->begin(), more->end());
    bool is_excluded = false;
    for (std::size_t e = 0; e < is_met_.size(); ++e) {
      if (!excludes(sweep_.exclusions[e], cell.model, cell.variant, cell.task, cell.task_label, values)) continue;
      is_excluded = is_met_[e] = true;
    }
    return is_excluded;
  }

  const Sweep& sweep_;
  struct Names {
    std::set<std::string> models, variants, tasks;
  } met_;  // of all cells, the excluded ones included
  std::vector<bool> is_met_;
  std::vector<Cell> cells_;
  std::map<std::string, std::size_t> first_with_key_;
};

}  // namespace

std::vector<Cell> expand(const Sweep& sweep, ModelOpener& opener, DatasetSource& datasets) {
  const double product = static_cast<double>(sweep.models.size()) * static_cast<double>(sweep.variants.size()) * static_cast<double>(sweep.tasks.size());
  if (product > kMaxCells) {
    throw input_error("the sweep has {} models × {} variants × {} tasks, {:.0f} cells; at most {} are run, so make several sweeps of it", sweep.models.size(),
                      sweep.variants.size(), sweep.tasks.size(), product, kMaxCells);
  }
  std::vector<Json> tasks;
  std::vector<std::string> labels;
  const DifferingSettings differing = differing_settings(sweep);
  for (std::size_t t = 0; t < sweep.tasks.size(); ++t) {
    tasks.push_back(task_identity(sweep, sweep.tasks[t], datasets));
    labels.push_back(task_label(sweep.tasks[t], differing));
  }
  std::vector<Json> variants;
  for (const VariantSpec& variant : sweep.variants) variants.push_back(variant_identity(variant, datasets));
  Expansion expansion(sweep);
  std::vector<ModelIdentity> identities;
  for (std::size_t m = 0; m < sweep.models.size(); ++m) {
    const ModelIdentity& identity = identities.emplace_back(opener.identify(sweep.models[m]));
    for (std::size_t v = 0; v < sweep.variants.size(); ++v) {
      if (sweep.models[m].is_answered_elsewhere() && !sweep.variants[v].steps.empty()) continue;
      for (std::size_t t = 0; t < sweep.tasks.size(); ++t) {
        Json cell_identity = {{"model", model_identity(sweep.models[m], sweep.device, identity)}, {"steps", variants[v]}, {"task", tasks[t]}};
        // The unpruned model is asked everything: it is what "until" compares with, and one result serves tasks with and without it.
        if (cell_identity["steps"] == Json::array() && cell_identity["task"].contains("settings")) cell_identity["task"]["settings"].erase("until");
        std::string key = sha256_hex(canonical_json(cell_identity));
        expansion.add({.key = std::move(key),
                       .identity = std::move(cell_identity),
                       .model = sweep.models[m].name,
                       .variant = sweep.variants[v].label,
                       .task = sweep.tasks[t].task,
                       .task_label = labels[t],
                       .model_index = m,
                       .variant_index = v,
                       .task_index = t});
      }
    }
  }
  std::vector<Cell> cells = expansion.take();
  for (const Cell& cell : cells) check_tokenizer(sweep, cell, identities[cell.model_index]);
  return cells;
}

void check_variants(const Sweep& sweep, std::span<const Cell> cells, ModelOpener& opener) {
  std::set<std::pair<std::size_t, std::size_t>> pairs;
  for (const Cell& cell : cells) pairs.emplace(cell.model_index, cell.variant_index);
  for (const auto& [m, v] : pairs) {
    if (sweep.models[m].is_answered_elsewhere() && !sweep.variants[v].steps.empty()) continue;
    try {
      opener.check(sweep.models[m], sweep.variants[v]);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kUnsupported) continue;  // its cells become rows that say so
      throw Error(error.kind(), fmt::format("model '{}', variant '{}': {}", sweep.models[m].name, sweep.variants[v].label, error.what()));
    }
  }
}

}  // namespace winnow
