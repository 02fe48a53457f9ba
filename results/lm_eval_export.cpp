#include "results/lm_eval_export.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/core/json.h"
#include "results/lm_eval_layout.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

std::string dump(const OrderedJson& value, int indent) { return value.dump(indent, ' ', /*ensure_ascii=*/false, OrderedJson::error_handler_t::replace); }

// Names of tasks and groups that a trial fills in a results file.
std::set<std::string> names_in(const Trial& trial) {
  std::set<std::string> names = {trial.cell.task};
  for (const Metric& metric : task_metrics(trial)) {
    if (!metric.leaf.empty()) names.insert(metric.leaf);
  }
  return names;
}

// Trials that make one results file: one model under one variant, no task twice.
struct ResultsFile {
  std::string model, variant;
  std::vector<const StoredTrial*> trials;
  fs::path folder;

  bool takes(const Trial& trial) const {
    const std::set<std::string> names = names_in(trial);
    return model == trial.cell.model && variant == trial.cell.variant && std::ranges::none_of(trials, [&](const StoredTrial* other) {
             return std::ranges::any_of(names_in(other->trial), [&](const std::string& name) { return names.contains(name); });
           });
  }
};

std::vector<ResultsFile> arrange(const std::vector<StoredTrial>& trials, const fs::path& folder) {
  std::vector<ResultsFile> files;
  for (const StoredTrial& stored : trials) {
    if (stored.trial.status != TrialStatus::kOk) continue;
    auto file = std::ranges::find_if(files, [&](const ResultsFile& candidate) { return candidate.takes(stored.trial); });
    if (file == files.end()) file = files.insert(files.end(), {stored.trial.cell.model, stored.trial.cell.variant, {}, {}});
    file->trials.push_back(&stored);
  }
  std::set<std::string> taken;
  for (ResultsFile& file : files) {
    const std::string name = sanitised_name(file.model + "__" + file.variant);
    std::string free_name = name;
    for (int copy = 2; !taken.insert(free_name).second; ++copy) free_name = fmt::format("{}__{}", name, copy);
    file.folder = folder / free_name;
  }
  return files;
}

// "2026-11-22T08:00:17.123Z" as lm-eval writes times into file names.
std::string file_time(const ResultsFile& file) {
  std::string newest;
  for (const StoredTrial* stored : file.trials) newest = std::max(newest, stored->trial.started_at);
  std::ranges::replace(newest, ':', '-');
  if (newest.ends_with('Z')) newest.replace(newest.size() - 1, 1, "000");
  return sanitised_name(newest);
}

// Seconds since 1970 of such a time.
double epoch_seconds(const std::string& time) {
  std::tm parts{};
  double seconds = 0;
  if (std::sscanf(time.c_str(), "%d-%d-%dT%d-%d-%lf", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &seconds) != 6) return 0;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return static_cast<double>(::timegm(&parts)) + seconds;
}

// Writes the samples of one trial, a file per leaf.
class SampleWriter {
 public:
  SampleWriter(const Trial& trial, fs::path folder, std::string time, std::vector<fs::path>& written)
      : metrics_(task_metrics(trial)),
        settings_(object_in(object_in(trial.cell.identity, "task"), "settings")),
        folder_(std::move(folder)),
        time_(std::move(time)),
        written_(written) {}

  void write(const RecordedAnswer& recorded) {
    if (leaves_.empty() || leaves_.back().leaf != recorded.example.leaf) start(recorded.example.leaf);
    file_->write(dump(sample_json(recorded, metrics_, settings_), -1) + "\n");
    hash_->update(sample_hashes(recorded));
    documents_.insert(recorded.example.doc_id);
  }

  std::vector<LeafSamples> end() {
    close();
    return std::move(leaves_);
  }

 private:
  void start(const std::string& leaf) {
    close();
    leaves_.push_back({leaf, 0, ""});
    written_.push_back(folder_ / fmt::format("samples_{}_{}.jsonl", sanitised_name(leaf), time_));
    file_.emplace(written_.back());
    hash_ = std::make_unique<Sha256>();
    documents_.clear();
  }
  void close() {
    if (!file_) return;
    file_->commit();
    file_.reset();
    leaves_.back().documents = static_cast<std::int64_t>(documents_.size());
    leaves_.back().task_hash = hash_->hex();
  }

  std::vector<Metric> metrics_;
  Json settings_;
  fs::path folder_;
  std::string time_;
  std::vector<fs::path>& written_;
  std::vector<LeafSamples> leaves_;
  std::optional<AtomicFile> file_;
  std::unique_ptr<Sha256> hash_;
  std::set<std::int64_t> documents_;
};

void merge(OrderedJson& into, const OrderedJson& part) {
  for (const auto& [key, value] : part.items()) into[key] = value;
}

OrderedJson results_header(const ResultsFile& file) {
  TrialResults empty;
  return {{"results", empty.results},
          {"groups", empty.groups},
          {"group_subtasks", empty.group_subtasks},
          {"configs", empty.configs},
          {"versions", empty.versions},
          {"n-shot", empty.shots},
          {"higher_is_better", empty.higher_is_better},
          {"n-samples", empty.sample_counts},
          {"config", {{"model", "winnow"}, {"model_args", fmt::format("pretrained={},variant={}", file.model, file.variant)}}}};
}

void add_trial(OrderedJson& results, const TrialResults& part) {
  merge(results["results"], part.results);
  merge(results["groups"], part.groups);
  merge(results["group_subtasks"], part.group_subtasks);
  merge(results["configs"], part.configs);
  merge(results["versions"], part.versions);
  merge(results["n-shot"], part.shots);
  merge(results["higher_is_better"], part.higher_is_better);
  merge(results["n-samples"], part.sample_counts);
}

// lm-eval has one value for a whole run: that of all tasks of the file, null where they differ or have none.
OrderedJson shared_setting(const ResultsFile& file, const char* key) {
  std::set<Json> values;
  for (const StoredTrial* stored : file.trials) {
    values.insert(object_in(object_in(stored->trial.cell.identity, "task"), "settings").value(key, Json(nullptr)));
  }
  return values.size() == 1 ? OrderedJson(*values.begin()) : OrderedJson(nullptr);
}

// What lm-eval says about the run, as far as Winnow has it; null where it does not apply.
void add_run_facts(OrderedJson& results, const ResultsFile& file, const std::string& time, OrderedJson task_hashes) {
  const Trial& trial = file.trials.back()->trial;
  const Json environment = trial.environment.is_object() ? trial.environment : Json::object();
  const Json model = object_in(trial.cell.identity, "model");
  OrderedJson& config = results["config"];
  config["model_dtype"] = model.value("dtype", Json(nullptr));
  config["model_sha"] = model.value("content_sha256", Json(nullptr));
  config["device"] = model.value("device", Json(nullptr));
  for (const char* absent : {"batch_size", "batch_sizes", "use_cache", "bootstrap_iters", "gen_kwargs"}) config[absent] = nullptr;
  config["limit"] = shared_setting(file, "limit");
  for (const char* seed : {"random_seed", "numpy_seed", "torch_seed"}) config[seed] = std::string_view(seed) == "random_seed" ? 0 : 1234;
  config["fewshot_seed"] = shared_setting(file, "seed");
  results["git_hash"] = environment.value("commit", Json(nullptr));
  results["date"] = epoch_seconds(time);
  results["pretty_env_info"] = canonical_json(environment);
  for (const char* absent : {"transformers_version", "lm_eval_version", "upper_git_hash", "tokenizer_pad_token", "tokenizer_eos_token", "tokenizer_bos_token",
                             "eot_token_id", "max_length"}) {
    results[absent] = nullptr;
  }
  results["task_hashes"] = std::move(task_hashes);
  const std::string name = file.model + "__" + file.variant;
  results["model_source"] = "winnow";
  results["model_name"] = name;
  results["model_name_sanitized"] = file.folder.filename().string();
  results["system_instruction"] = nullptr;
  results["system_instruction_sha"] = nullptr;
  results["fewshot_as_multiturn"] = false;
  results["chat_template"] = nullptr;
  results["chat_template_sha"] = nullptr;
  double seconds = 0;
  for (const StoredTrial* stored : file.trials) {
    if (const auto total = stored->trial.seconds.find("total"); total != stored->trial.seconds.end()) seconds += total->second;
  }
  results["total_evaluation_time_seconds"] = python_float(seconds);
}

void write_results(std::span<Store> stores, const ResultsFile& file, std::vector<fs::path>& written) {
  std::error_code error;
  fs::create_directories(file.folder, error);
  if (error) throw input_error("{}: the folder cannot be made: {}", file.folder.string(), error.message());
  const std::string time = file_time(file);
  OrderedJson results = results_header(file), task_hashes = OrderedJson::object();
  for (const StoredTrial* stored : file.trials) {
    SampleWriter samples(stored->trial, file.folder, time, written);
    stores[stored->store].for_each_answer(stored->trial.id, [&](const RecordedAnswer& recorded) { samples.write(recorded); });
    const TrialResults part = trial_results(stored->trial, samples.end());
    add_trial(results, part);
    merge(task_hashes, part.task_hashes);
  }
  add_run_facts(results, file, time, std::move(task_hashes));
  written.push_back(file.folder / fmt::format("results_{}.json", time));
  write_file(written.back(), dump(results, 2) + "\n");
}

}  // namespace

std::vector<fs::path> export_lm_eval(std::span<Store> stores, const fs::path& folder) {
  const std::vector<StoredTrial> trials = latest_of(stores);
  const std::vector<ResultsFile> files = arrange(trials, folder);
  if (files.empty())
    throw input_error("{}: no trial went well, so there is nothing to write in lm-eval's layout", stores.empty() ? "the store" : stores[0].file().string());
  std::vector<fs::path> written;
  for (const ResultsFile& file : files) write_results(stores, file, written);
  return written;
}

}  // namespace winnow
