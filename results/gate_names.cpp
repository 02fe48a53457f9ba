#include "results/gate_names.h"

#include <algorithm>
#include <functional>

#include "harness/core/error.h"
#include "harness/core/settings.h"
#include "results/leaderboard.h"
#include "results/measurement_tables.h"

namespace winnow {
namespace {

using Trials = std::vector<const StoredTrial*>;

void add_name(std::vector<std::string>& names, const std::string& name) {
  if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
}

[[noreturn]] void refuse_name(const GateRule& rule, const std::string& kind, const std::string& name, const std::vector<std::string>& known) {
  constexpr std::size_t kShown = 40;
  throw input_error("rule \"{}\": there is no {} '{}' in the stores{}; there are: {}{}", rule.text, kind, name, did_you_mean(name, known),
                    fmt::join(std::span(known).first(std::min(known.size(), kShown)), ", "), known.size() > kShown ? ", …" : "");
}

bool is_unpruned(const Json& steps) { return steps.is_array() && steps.empty(); }

using BaselineVariants = std::vector<const BaselineVariant*>;

// The variants of that model; of another one where only one has such: models may be renamed.
BaselineVariants chosen(const Baseline* baseline, const std::string& model, const std::function<bool(const BaselineVariant&)>& is_wanted) {
  BaselineVariants same, others;
  if (baseline == nullptr) return same;
  for (const BaselineVariant& variant : baseline->variants) {
    if (is_wanted(variant)) (variant.model == model ? same : others).push_back(&variant);
  }
  if (!same.empty()) return same;
  const bool is_one_model = std::ranges::all_of(others, [&](const BaselineVariant* other) { return other->model == others.front()->model; });
  return is_one_model ? others : BaselineVariants{};
}

}  // namespace

std::vector<std::string> GateNames::quantity_names() const {
  std::vector<std::string> names = shelf_.tasks();
  for (const StoredTrial& stored : shelf_.trials()) {
    add_name(names, stored.trial.cell.task);
    for (const Metric& metric : stored.trial.metrics) add_name(names, is_measurement(stored.trial) ? "" : metric.leaf);
  }
  for (const StoredTrial& stored : shelf_.trials()) {
    for (const Metric& metric : stored.trial.metrics) add_name(names, metric.name);
  }
  for (const StoredTrial& stored : shelf_.trials()) {
    for (const Metric& metric : stored.trial.metrics) add_name(names, metric.leaf);  // parts of measurements, many
  }
  return names;
}

std::vector<std::string> GateNames::variant_names() const {
  std::vector<std::string> names;
  for (const Side& side : all_sides(shelf_.known())) add_name(names, side.label);
  for (std::size_t i = 0; baseline_ != nullptr && i < baseline_->variants.size(); ++i) {
    add_name(names, baseline_->variants[i].variant);
    add_name(names, replicated_label(baseline_->variants[i].variant));
  }
  return names;
}

std::optional<Quantity> GateNames::task_named(const std::string& name) const {
  if (std::ranges::find(shelf_.tasks(), name) != shelf_.tasks().end()) return Quantity{name, "", std::nullopt, false};
  std::optional<Quantity> found;
  for (const StoredTrial& stored : shelf_.trials()) {
    const Trial& trial = stored.trial;
    const bool is_leaf = std::ranges::any_of(trial.metrics, [&](const Metric& metric) { return metric.leaf == name; });
    if (trial.cell.task == name || is_leaf) found = Quantity{trial.cell.task_label, trial.cell.task == name ? "" : name, std::nullopt, false};
  }
  return found;
}

bool GateNames::has_metric(const std::string& name, const std::string& task_label) const {
  return std::ranges::any_of(shelf_.trials(), [&](const StoredTrial& stored) {
    return (task_label.empty() || stored.trial.cell.task_label == task_label) && find_metric(stored.trial, name) != nullptr;
  });
}

Quantity GateNames::quantity_of(const GateRule& rule) const {
  std::optional<Quantity> found = task_named(rule.task);
  if (!found && rule.is_bare && has_metric(rule.task, "")) return {"", "", MetricChoice{rule.task, ""}, true};
  if (!found) refuse_name(rule, rule.is_bare ? "task or metric" : "task", rule.task, quantity_names());
  if (rule.metric.empty()) return *found;
  const std::size_t comma = rule.metric.find(',');
  found->metric = MetricChoice{rule.metric.substr(0, comma), comma == std::string::npos ? "" : rule.metric.substr(comma + 1)};
  if (!has_metric(found->metric->name, found->task_label)) refuse_name(rule, "metric", rule.metric, quantity_names());
  return *found;
}

bool GateNames::is_known_variant(const std::string& name) const {
  const std::vector<std::string> names = variant_names();
  if (std::ranges::find(names, name) != names.end()) return true;
  return std::ranges::any_of(shelf_.known(), [&](const ModelVariant& row) { return row.second == name || row.first + "/" + row.second == name; });
}

void GateNames::check(const GateRule& rule, const std::vector<std::string>& of) const {
  quantity_of(rule);
  for (const std::vector<std::string>* names : {&rule.of, &of}) {
    for (const std::string& name : *names) {
      if (!is_known_variant(name)) refuse_name(rule, "variant", name, variant_names());
    }
  }
  if (rule.reference == "baseline" && baseline_ == nullptr) {
    throw input_error("rule \"{}\": there is no baseline; name one with --baseline FILE or \"baseline\" in the rules file", rule.text);
  }
  const bool is_special = rule.reference.empty() || rule.reference == "baseline" || (rule.reference == "dense" && has_dense());
  if (!is_special && !is_known_variant(rule.reference)) refuse_name(rule, "variant", rule.reference, variant_names());
}

bool GateNames::is_dense(const Side& side) const {
  if (side.label == "dense") return true;
  return std::ranges::any_of(shelf_.trials(), [&](const StoredTrial& stored) {
    const Cell& cell = stored.trial.cell;
    return cell.model == side.model && cell.variant == side.label && is_unpruned(member_in(cell.identity, "steps"));
  });
}

bool GateNames::has_dense() const {
  if (std::ranges::any_of(all_sides(shelf_.known()), [&](const Side& side) { return is_dense(side); })) return true;
  return baseline_ != nullptr &&
         std::ranges::any_of(baseline_->variants, [](const auto& variant) { return variant.variant == "dense" || is_unpruned(variant.steps); });
}

bool GateNames::is_reference(const Side& side) const {
  return is_dense(side) || std::ranges::any_of(rules_, [&](const NamedRule& named) { return named.rule.reference == side.label; });
}

std::vector<Side> GateNames::judged_by(const GateRule& rule, const std::vector<std::string>& of) const {
  const std::vector<std::string>& wanted = rule.of.empty() ? of : rule.of;
  std::vector<Side> sides;
  for (const std::string& name : wanted) {
    for (Side& side : sides_named(shelf_.known(), name)) sides.push_back(std::move(side));
  }
  if (!wanted.empty()) return sides;
  for (Side& side : all_sides(shelf_.known())) {
    if (!is_reference(side)) sides.push_back(std::move(side));
  }
  // A store of unpruned models alone is judged by numbers or by its own past.
  if (sides.empty() && (rule.reference.empty() || rule.reference == "baseline")) sides = all_sides(shelf_.known());
  return sides;
}

// A variant's own run, or the draws that share the label.
BaselineVariants GateNames::baseline_variants(const std::string& model, const std::string& label) const {
  BaselineVariants own = chosen(baseline_, model, [&](const BaselineVariant& variant) { return variant.variant == label; });
  if (own.empty()) own = chosen(baseline_, model, [&](const BaselineVariant& variant) { return replicated_label(variant.variant) == label; });
  return own;
}

BaselineVariants GateNames::baseline_dense(const std::string& model) const {
  BaselineVariants dense = chosen(baseline_, model, [](const BaselineVariant& variant) { return variant.variant == "dense" || is_unpruned(variant.steps); });
  dense.resize(std::min<std::size_t>(dense.size(), 1));
  return dense;
}

Reference GateNames::reference_of(const GateRule& rule, const Side& side, const std::string& task_label, const StoredTrial* like) const {
  if (rule.reference == "baseline") {
    BaselineVariants own = baseline_variants(side.model, side.label);
    if (own.empty()) own = baseline_->variants.size() == 1 ? BaselineVariants{&baseline_->variants.front()} : baseline_dense(side.model);
    if (own.empty()) throw Missing{fmt::format("the baseline has no run of {} on {}", side.label, side.model)};
    return {{}, std::move(own)};
  }
  for (const Side& other : all_sides(shelf_.known())) {
    const bool is_it = other.label == rule.reference || other.model + "/" + other.label == rule.reference || (rule.reference == "dense" && is_dense(other));
    if (!is_it || other.model != side.model) continue;
    Trials trials = task_label.empty() ? all_trials(other) : trials_of(shelf_, other, task_label, like);
    if (!trials.empty()) return {std::move(trials), {}};
  }
  BaselineVariants found = baseline_variants(side.model, rule.reference);
  if (found.empty() && rule.reference == "dense") found = baseline_dense(side.model);
  if (found.empty()) {
    throw Missing{fmt::format("there is no good trial of {} on {}{}", rule.reference, side.model, task_label.empty() ? "" : ", task " + task_label)};
  }
  return {{}, std::move(found)};
}

Trials GateNames::all_trials(const Side& side) const {
  Trials trials;
  for (const std::string& label : shelf_.tasks()) {
    for (const StoredTrial* trial : trials_of(shelf_, side, label)) trials.push_back(trial);
  }
  return trials;
}

}  // namespace winnow
