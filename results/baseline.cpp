#include "results/baseline.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/files.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

std::uint32_t prefix_of(const std::string& digest) {
  std::uint32_t value = 0;
  for (const char c : digest.substr(0, 8)) value = value << 4 | static_cast<std::uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  return value;
}

// Places of the outcomes by their prompts' digests.
std::vector<std::size_t> by_prompt(std::span<const Outcome> outcomes) {
  std::vector<std::size_t> order(outcomes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) -> const std::string& { return outcomes[i].question->prompt_sha256; });
  return order;
}

std::string digest_of_all(std::span<const Outcome> outcomes, const std::vector<std::size_t>& order) {
  Sha256 digest;
  for (const std::size_t i : order) digest.update(outcomes[i].question->prompt_sha256 + outcomes[i].question->arguments_sha256 + "\n");
  return digest.hex();
}

// The task's part of a cell's identity; the list of data files, long for MMLU, as its digest.
Json task_identity(const Cell& cell) {
  Json identity = object_in(cell.identity, "task");
  if (!identity.contains("data")) return identity;
  identity["data_sha256"] = sha256_hex(canonical_json(identity["data"]));
  identity.erase("data");
  return identity;
}

std::size_t task_place(Baseline& baseline, const Cell& cell, std::span<const Outcome> outcomes, const std::vector<std::size_t>& order) {
  BaselineTask task{cell.task, cell.task_label, task_identity(cell), digest_of_all(outcomes, order), {}};
  for (std::size_t i = 0; i < baseline.tasks.size(); ++i) {
    const BaselineTask& other = baseline.tasks[i];
    if (other.label == task.label && other.identity == task.identity && other.prompts_sha256 == task.prompts_sha256) return i;
  }
  for (const std::size_t i : order) task.prompts.push_back(prefix_of(outcomes[i].question->prompt_sha256));
  baseline.tasks.push_back(std::move(task));
  return baseline.tasks.size() - 1;
}

bool is_right_or_wrong(const Outcome& outcome, const std::string& name) {
  const double* value = outcome.values.find(name);
  return value != nullptr && (*value == 0 || *value == 1);
}

BaselineTrial make_trial(Baseline& baseline, Store& store, const Trial& trial) {
  BaselineTrial made{.seconds = trial.seconds};
  for (const Metric& metric : trial.metrics) {
    // Rates of the parts too: their ranges belong to the headline.
    if (metric.leaf.empty() || metric.unit == "tokens/s") made.metrics.push_back(metric);
  }
  std::vector<Outcome> outcomes;
  std::vector<std::size_t> order;
  std::string filter;
  bool is_placed = false;
  for (const Metric& metric : made.metrics) {
    if (metric.unit != "share") continue;
    if (metric.filter != filter) {
      outcomes = store.outcomes(trial.id, filter = metric.filter);
      order = by_prompt(outcomes);
    }
    if (outcomes.empty() || !std::ranges::all_of(outcomes, [&](const Outcome& outcome) { return is_right_or_wrong(outcome, metric.name); })) continue;
    if (!is_placed) made.task = task_place(baseline, trial.cell, outcomes, order);
    is_placed = true;
    BaselineTrial::Right right{metric.name, metric.filter, {}};
    for (const std::size_t i : order) right.bits.push_back(*outcomes[i].values.find(metric.name) == 1);
    made.right.push_back(std::move(right));
  }
  if (!is_placed) made.task = task_place(baseline, trial.cell, {}, {});
  return made;
}

BaselineVariant& variant_of(Baseline& baseline, const Cell& cell) {
  for (BaselineVariant& variant : baseline.variants) {
    if (variant.model == cell.model && variant.variant == cell.variant) return variant;
  }
  baseline.variants.push_back({cell.model, cell.variant, member_in(cell.identity, "model"), member_in(cell.identity, "steps"), {}});
  return baseline.variants.back();
}

// Names of settings that differ, but for how many examples are asked.
std::string settings_that_differ(const Json& before, const Json& now) {
  const Json &a = object_in(before, "settings"), &b = object_in(now, "settings");
  std::set<std::string> names;
  for (const Json* side : {&a, &b}) {
    for (const auto& [name, value] : side->items()) names.insert(name);
  }
  std::string differing;
  for (const std::string& name : names) {
    if (name == "limit" || name == "until" || a.value(name, Json()) == b.value(name, Json())) continue;
    differing += fmt::format("{}{} {} against {}", differing.empty() ? "" : ", ", name, b.value(name, Json()).dump(), a.value(name, Json()).dump());
  }
  if (before.value("version", Json()) != now.value("version", Json())) differing += differing.empty() ? "version of the task" : ", version of the task";
  return differing;
}

}  // namespace

Baseline make_baseline(std::span<Store> stores) {
  Baseline baseline;
  for (const StoredTrial& stored : latest_of(stores)) {
    const Trial& trial = stored.trial;
    if (trial.status != TrialStatus::kOk) continue;
    if (baseline.environment.is_null()) baseline.environment = trial.environment;
    BaselineTrial made = make_trial(baseline, stores[stored.store], trial);
    std::vector<BaselineTrial>& trials = variant_of(baseline, trial.cell).trials;
    // A cell run under other settings may carry the same label: the later one counts, as in reports.
    std::erase_if(trials, [&](const BaselineTrial& other) { return baseline.tasks[other.task].label == trial.cell.task_label; });
    trials.push_back(std::move(made));
  }
  if (baseline.variants.empty()) throw input_error("there is no good trial to write a baseline of");
  return baseline;
}

std::vector<Outcome> baseline_outcomes(const Baseline& baseline, const BaselineTrial& trial, const Metric& metric, std::span<const Outcome> asked,
                                       const Cell& cell, const std::string& what) {
  const BaselineTask& task = baseline.tasks.at(trial.task);
  const auto right = std::ranges::find_if(trial.right, [&](const auto& entry) { return entry.name == metric.name && entry.filter == metric.filter; });
  if (right == trial.right.end()) throw input_error("{}: the baseline has no '{}' ({}) of each example; write it again", what, metric.name, metric.filter);
  if (const std::string differing = settings_that_differ(task.identity, task_identity(cell)); !differing.empty()) {
    throw input_error("{}: the baseline was written under other settings ({}); write it again, or run with its settings", what, differing);
  }
  const std::vector<std::size_t> order = by_prompt(asked);
  std::vector<std::pair<std::size_t, bool>> found;  // place in `asked`, outcome
  std::size_t at = 0;
  for (const std::size_t i : order) {
    const std::uint32_t prefix = prefix_of(asked[i].question->prompt_sha256);
    while (at < task.prompts.size() && task.prompts[at] < prefix) ++at;
    if (at < task.prompts.size() && task.prompts[at] == prefix) {
      found.emplace_back(i, right->bits.at(at));
      ++at;
    }
  }
  const bool is_whole = asked.size() == task.prompts.size() && digest_of_all(asked, order) == task.prompts_sha256;
  const bool is_part = asked.size() != task.prompts.size() && found.size() == std::min(asked.size(), task.prompts.size());
  if (!is_whole && !is_part) {
    throw input_error("{}: {} of {} prompts are not those of the baseline ({} prompts); it cannot be paired, so write it again with the prompts of now", what,
                      asked.size() - std::min(found.size(), asked.size() - 1), asked.size(), task.prompts.size());
  }
  std::ranges::sort(found);
  std::vector<Outcome> outcomes;
  for (const auto& [place, is_right] : found) {
    outcomes.push_back(asked[place]);
    outcomes.back().values = {{metric.name, is_right ? 1.0 : 0.0}};
  }
  return outcomes;
}

Baseline read_baseline(const std::filesystem::path& file) { return parse_baseline(read_file(file, std::size_t{256} << 20), file.string()); }

}  // namespace winnow
