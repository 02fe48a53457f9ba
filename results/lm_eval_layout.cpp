#include "results/lm_eval_layout.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "harness/core/digest.h"
#include "harness/core/unicode.h"

namespace winnow {
namespace {

constexpr std::string_view kDocuments = "documents";  // metric of a leaf: how many there are without the limit

OrderedJson arguments_json(const RecordedAnswer& recorded, const Json& settings) {
  OrderedJson arguments = OrderedJson::object();
  if (recorded.log_likelihoods.empty()) {
    OrderedJson generation{{"until", recorded.arguments}, {"do_sample", false}, {"temperature", 0.0}};
    if (settings.contains("max_new_tokens")) generation["max_gen_toks"] = settings["max_new_tokens"];
    arguments["gen_args_0"] = {{"arg_0", recorded.prompt}, {"arg_1", std::move(generation)}};
  } else if (recorded.arguments.empty()) {  // a rolling log-likelihood has the text alone
    arguments["gen_args_0"] = {{"arg_0", recorded.prompt}};
  } else {
    for (std::size_t i = 0; i < recorded.arguments.size(); ++i) {
      arguments[fmt::format("gen_args_{}", i)] = {{"arg_0", recorded.contexts.empty() ? recorded.prompt : recorded.contexts.at(i)},
                                                  {"arg_1", recorded.arguments[i]}};
    }
  }
  return arguments;
}

// One response per request: text, a log-likelihood, or a pair with "is greedy"; all as strings.
std::vector<OrderedJson> responses_json(const RecordedAnswer& recorded, const std::string& text) {
  if (recorded.log_likelihoods.empty()) return {text};
  std::vector<OrderedJson> responses;
  for (std::size_t i = 0; i < recorded.log_likelihoods.size(); ++i) {
    const std::string number = python_float(recorded.log_likelihoods[i]);
    responses.push_back(recorded.arguments.empty() ? OrderedJson(number)
                                                   : OrderedJson::array({number, i < recorded.greedy.size() && recorded.greedy[i] ? "True" : "False"}));
  }
  return responses;
}

double value_or_nan(const std::map<std::string, double>& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? std::nan("") : found->second;
}

// What lm-eval keeps of a sample for a metric: its value, or for the perplexities the pair that is summed. Null where it has none.
OrderedJson sample_metric(const std::map<std::string, double>& values, const std::string& metric) {
  if (values.contains(metric)) return values.at(metric);
  const char* per = metric == "word_perplexity" ? "words" : metric == "byte_perplexity" || metric == "bits_per_byte" ? "bytes" : nullptr;
  if (per == nullptr || !values.contains(per)) return nullptr;
  return OrderedJson::array({value_or_nan(values, "log_likelihood"), value_or_nan(values, per)});
}

OrderedJson error_json(const Metric& metric) {
  if (!metric.standard_error || !std::isfinite(*metric.standard_error)) return "N/A";
  return *metric.standard_error;
}

std::int64_t documents_of(std::span<const LeafSamples> leaves, const std::string& leaf) {
  const auto found = std::ranges::find(leaves, leaf, &LeafSamples::leaf);
  return found == leaves.end() ? 0 : found->documents;
}

// What all of a trial's metrics belong to. `unfinished`: groups of which only some members were asked for; they are not reported, and there is no whole.
struct Whole {
  std::string root;
  std::set<std::string> unfinished;
};

// The root is the parent that is not reported itself: the name of the data set or of the task. Without one it is the only leaf, else the task.
Whole whole_of(const Trial& trial, std::span<const Metric> metrics, std::span<const LeafSamples> leaves, const Json& task, const Json& settings) {
  std::set<std::string> reported;
  for (const Metric& metric : metrics) reported.insert(metric.leaf);
  const std::string name = task.value("task", trial.cell.task), dataset = settings.value("dataset", name);
  Whole whole;
  for (const Metric& metric : metrics) {
    if (metric.parent.empty() || reported.contains(metric.parent)) continue;
    if (metric.parent == dataset || metric.parent == name) {
      whole.root = metric.parent;
    } else {
      whole.unfinished.insert(metric.parent);
    }
  }
  if (!whole.unfinished.empty()) {
    whole.root = dataset;
  } else if (whole.root.empty()) {
    whole.root = leaves.size() == 1 && reported.size() <= 1 ? leaves.front().leaf : trial.cell.task;
  }
  return whole;
}

// Of some subjects lm-eval makes no whole, and no group that misses one: their mean would be another number under a known name.
std::vector<Metric> without_unfinished(std::vector<Metric> metrics, const Whole& whole) {
  if (whole.unfinished.empty()) return metrics;
  std::erase_if(metrics, [](const Metric& metric) { return metric.leaf.empty(); });
  for (Metric& metric : metrics) {
    if (metric.parent == whole.root || whole.unfinished.contains(metric.parent)) metric.parent.clear();
  }
  return metrics;
}

// "mmlu_social_sciences" below "mmlu" is shown as "social sciences", a subject with its underscores.
std::string alias_of(const std::string& name, const std::string& root, bool is_group) {
  if (name == root || !name.starts_with(root + "_")) return name;
  std::string alias = name.substr(root.size() + 1);
  if (is_group) std::ranges::replace(alias, '_', ' ');
  return alias;
}

OrderedJson start_entry(const std::string& name, const std::string& alias, bool is_group) {
  OrderedJson entry = OrderedJson::object();
  if (is_group) entry["alias"] = alias;
  entry["name"] = name;
  if (!is_group) entry["alias"] = alias;
  entry["sample_len"] = 0;
  return entry;
}

void add_metric(OrderedJson& entry, const Metric& metric, std::int64_t documents, bool is_group) {
  const std::string key = metric.name + "," + metric.filter;
  entry["sample_len"] = std::max(entry["sample_len"].get<std::int64_t>(), documents);
  entry[key] = std::isfinite(metric.value) ? OrderedJson(metric.value) : OrderedJson(python_float(metric.value));
  entry[metric.name + "_stderr," + metric.filter] = error_json(metric);
  if (is_group) entry["sample_count"][key] = metric.count;
}

enum class Level { kLeaves, kGroups };

void add_entries(TrialResults& out, std::span<const Metric> metrics, std::span<const LeafSamples> leaves, const std::string& root, Level level) {
  for (const Metric& metric : metrics) {
    const std::string name = metric.leaf.empty() ? root : metric.leaf;
    const bool is_group = out.group_subtasks.contains(name);
    if (is_group != (level == Level::kGroups)) continue;
    if (!out.results.contains(name)) out.results[name] = start_entry(name, alias_of(name, root, is_group), is_group);
    const std::int64_t documents = is_group ? 0 : documents_of(leaves, name);
    add_metric(out.results[name], metric, documents == 0 ? metric.count : documents, is_group);
    // lm-eval leaves the outermost group out.
    if (!is_group || name != root) out.higher_is_better[name][metric.name] = metric.higher_is_better;
    if (is_group) out.groups[name] = out.results[name];
  }
}

// Under a limit the documents there are were recorded beside the scores; stores written before that do not know.
OrderedJson original_count(const Trial& trial, const LeafSamples& leaf, const Json& settings) {
  const auto recorded = std::ranges::find_if(trial.metrics, [&](const Metric& metric) { return metric.name == kDocuments && metric.leaf == leaf.leaf; });
  if (recorded != trial.metrics.end()) return static_cast<std::int64_t>(recorded->value);
  const bool has_limit = settings.contains("limit") && settings["limit"].is_number_integer();
  if (has_limit && leaf.documents >= settings["limit"].get<std::int64_t>()) return nullptr;
  return leaf.documents;
}

// lm-eval's version of a group or of a task that is part of another; a trial has that of its own task alone.
OrderedJson version_of(const std::string& name, const Json& task) {
  static const std::map<std::string, int, std::less<>> kVersions = {
      {"mmlu", 2}, {"mmlu_stem", 2}, {"mmlu_other", 2}, {"mmlu_social_sciences", 2}, {"mmlu_humanities", 2}, {"boolq", 2},
  };
  const auto known = kVersions.find(name);
  return known == kVersions.end() ? OrderedJson(task.value("version", Json(nullptr))) : OrderedJson(known->second);
}

OrderedJson config_json(const std::string& name, const Json& task, const Json& settings) {
  OrderedJson config{
      {"task", name}, {"num_fewshot", settings.value("shots", Json(nullptr))}, {"metadata", {{"version", task.value("version", Json(nullptr))}}}};
  for (const auto& [key, value] : settings.items()) {
    if (key != "shots") config[key] = value;
  }
  return config;
}

}  // namespace

std::vector<Metric> task_metrics(const Trial& trial) {
  constexpr std::array<std::string_view, 8> kMeasuredUnits{"bytes", "tokens", "tokens/s", "seconds", "experts", "parameters", "matrices", "examples"};
  // Shares that are no scores.
  constexpr std::array<std::string_view, 7> kMeasuredNames{"expert_sparsity",
                                                           "realised_expert_sparsity",
                                                           "realised_sparsity",
                                                           "expert_evaluations_skipped",
                                                           "difference_from_unpruned",
                                                           "difference_from_unpruned_low",
                                                           "difference_from_unpruned_high"};
  std::vector<Metric> metrics;
  std::ranges::copy_if(trial.metrics, std::back_inserter(metrics), [&](const Metric& metric) {
    return std::ranges::find(kMeasuredUnits, metric.unit) == kMeasuredUnits.end() && std::ranges::find(kMeasuredNames, metric.name) == kMeasuredNames.end();
  });
  return metrics;
}

OrderedJson sample_json(const RecordedAnswer& recorded, std::span<const Metric> metrics, const Json& settings) {
  const Answer& answer = recorded.answers.at(0);
  OrderedJson sample;
  sample["doc_id"] = recorded.example.doc_id;
  sample["doc"] = parse_ordered_json(recorded.example.doc_json, "examples.doc_json");
  sample["target"] = recorded.example.target;
  sample["arguments"] = arguments_json(recorded, settings);
  sample["resps"] = OrderedJson::array();
  for (OrderedJson& response : responses_json(recorded, recorded.raw_reply)) sample["resps"].push_back(OrderedJson::array({std::move(response)}));
  sample["filtered_resps"] = responses_json(recorded, answer.reply);
  sample["filter"] = answer.filter;
  sample["metrics"] = OrderedJson::array();
  sample["doc_hash"] = recorded.example.doc_hash;
  sample["prompt_hash"] = sha256_hex(recorded.prompt);
  sample["target_hash"] = sha256_hex(recorded.example.target);
  for (const Metric& metric : metrics) {
    OrderedJson value = sample_metric(answer.values, metric.name);
    if (value.is_null() || sample.contains(metric.name)) continue;
    sample["metrics"].push_back(metric.name);
    sample[metric.name] = std::move(value);
  }
  return sample;
}

std::string sample_hashes(const RecordedAnswer& recorded) {
  return recorded.example.doc_hash + sha256_hex(recorded.prompt) + sha256_hex(recorded.example.target);
}

TrialResults trial_results(const Trial& trial, std::span<const LeafSamples> leaves) {
  const Json& task = object_in(trial.cell.identity, "task");
  const Json& settings = object_in(task, "settings");
  const std::vector<Metric> all = task_metrics(trial);
  const Whole whole = whole_of(trial, all, leaves, task, settings);
  const std::vector<Metric> metrics = without_unfinished(all, whole);
  TrialResults out;
  for (const Metric& metric : metrics) {
    if (metric.parent.empty()) continue;
    OrderedJson& members = out.group_subtasks[metric.parent];
    if (std::ranges::find(members, OrderedJson(metric.leaf)) == members.end()) members.push_back(metric.leaf);
  }
  add_entries(out, metrics, leaves, whole.root, Level::kLeaves);  // leaves first, as lm-eval has them
  add_entries(out, metrics, leaves, whole.root, Level::kGroups);
  for (const auto& [name, entry] : out.results.items()) out.versions[name] = version_of(name, task);
  for (const LeafSamples& leaf : leaves) {
    out.configs[leaf.leaf] = config_json(leaf.leaf, task, settings);
    out.shots[leaf.leaf] = settings.value("shots", Json(nullptr));
    out.sample_counts[leaf.leaf] = {{"original", original_count(trial, leaf, settings)}, {"effective", leaf.documents}};
    out.task_hashes[leaf.leaf] = leaf.task_hash;
  }
  // A group of tasks has the shots of its tasks; lm-eval gives none to a group of groups.
  for (const auto& [group, members] : out.group_subtasks.items()) {
    const bool has_groups = std::ranges::any_of(members, [&](const OrderedJson& member) { return out.group_subtasks.contains(member.get<std::string>()); });
    if (!has_groups) out.shots[group] = settings.value("shots", Json(nullptr));
  }
  return out;
}

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 64> buffer{};
  const double size = std::abs(value);
  const bool is_plain = size == 0 || (size >= 1e-4 && size < 1e16);  // where Python's repr turns to exponents
  const auto format = is_plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
  std::string text(buffer.data(), end);
  if (is_plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string sanitised_name(const std::string& name) {
  constexpr std::string_view kReplaced = "\"<>:/|\\?*[]";
  std::string result;
  bool in_run = false;
  for (const char byte : replace_invalid_utf8(name)) {
    const bool is_replaced = kReplaced.find(byte) != std::string_view::npos;
    if (is_replaced && !in_run) result += "__";
    if (!is_replaced) result += static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f ? '_' : byte;
    in_run = is_replaced;
  }
  if (result.empty() || result[0] == '.') result.insert(0, "_");
  if (result.size() > 180) result = replace_invalid_utf8(result.substr(0, 110)) + "_" + sha256_hex(name);
  return result;
}

}  // namespace winnow
