#include "results/gate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/core/error.h"
#include "harness/core/paired.h"
#include "harness/core/proportions.h"
#include "results/compare_stores.h"
#include "results/cost_comparison.h"
#include "results/gate_costs.h"
#include "results/gate_names.h"
#include "results/gate_numbers.h"
#include "results/report.h"
#include "results/stored_values.h"

namespace winnow {
namespace {

using Outcomes = std::vector<Outcome>;
using Trials = std::vector<const StoredTrial*>;
using Scale = GateRule::Scale;

constexpr double kNormal = std::numeric_limits<double>::infinity();  // degrees of freedom

bool is_rate(const Metric& metric) { return metric.unit == "tokens/s" || metric.unit == "seconds"; }

class Gate {
 public:
  Gate(std::span<Store> stores, const std::vector<NamedRule>& rules, const Baseline* baseline, const GateSettings& settings)
      : shelf_(stores), rules_(rules), baseline_(baseline), names_(shelf_, rules, baseline) {
    report_.settings = settings;
  }

  GateReport run() {
    const std::vector<std::string>& of = report_.settings.of;
    for (const NamedRule& named : rules_) names_.check(named.rule, of);
    for (const NamedRule& named : rules_) {
      for (const Side& side : names_.judged_by(named.rule, of)) report_.verdicts.push_back(judge_side(named, side));
    }
    if (report_.verdicts.empty()) report_.notes.push_back("no variant was judged: the stores hold references only");
    return std::move(report_);
  }

 private:
  RuleVerdict judge_side(const NamedRule& named, const Side& side) {
    const GateRule& rule = named.rule;
    RuleVerdict verdict{.rule = rule.text, .name = named.name.empty() ? rule.text : named.name, .model = side.model, .variant = side.label};
    verdict.sign = sign_text(rule.sign);
    verdict.limit = rule.scale == Scale::kRatio ? rule.factor : rule.offset;
    const Bounds bounds = bounds_of(rule, verdict.limit);
    verdict.limit = std::isfinite(bounds.low) && std::isfinite(bounds.high) ? verdict.limit : std::isfinite(bounds.low) ? bounds.low : bounds.high;
    verdict.quantity = (rule.scale == Scale::kRatio        ? "ratio of "
                        : rule.scale == Scale::kDifference ? "difference of "
                                                           : "") +
                       (rule.metric.empty() ? rule.task : rule.metric + "(" + rule.task + ")") + (rule.reference.empty() ? "" : " to " + rule.reference);
    try {
      const Quantity quantity = names_.quantity_of(rule);
      const Judged judged = quantity.is_cost ? judge_cost(rule, quantity, side, bounds, verdict) : judge_task(rule, quantity, side, bounds, verdict);
      verdict.verdict = judged.verdict;
      verdict.value = judged.value;
      verdict.interval = judged.interval;
      verdict.examples = judged.examples;
      verdict.examples_needed = judged.needed;
      verdict.examples_needed_80 = judged.needed_80;
      verdict.how = judged.how;
    } catch (const Missing& missing) {
      verdict.reason = missing.reason;
    }
    return verdict;
  }

  Trials good_trials(const Side& side, const std::string& task_label) const {
    Trials trials = trials_of(shelf_, side, task_label);
    if (!trials.empty()) return trials;
    for (const std::string& variant : side.variants) {
      if (const StoredTrial* any = shelf_.find_any(side.model, variant, task_label)) {
        throw Missing{fmt::format("{} {}{}{}", task_label, status_name(any->trial.status), any->trial.reason.empty() ? "" : ": ", any->trial.reason)};
      }
    }
    throw Missing{fmt::format("{} was not run", task_label)};
  }

  Outcomes outcomes_of(const StoredTrial& trial, const std::string& filter, const std::string& leaf) {
    Outcomes outcomes = *shelf_.outcomes(trial, filter);
    if (!leaf.empty()) std::erase_if(outcomes, [&](const Outcome& outcome) { return outcome.question->leaf != leaf; });
    return outcomes;
  }

  const Metric& metric_of(const Trial& trial, const Quantity& quantity) const {
    if (quantity.leaf.empty()) {
      if (const Metric* metric = choose_metric(trial, quantity.metric)) return *metric;
    }
    const Metric* headline = choose_metric(trial, quantity.metric);
    for (const Metric& metric : trial.metrics) {
      const bool is_asked = headline == nullptr || (metric.name == headline->name && metric.filter == headline->filter);
      if (metric.leaf == quantity.leaf && !quantity.leaf.empty() && is_asked) return metric;
    }
    throw Missing{fmt::format("its trial of {} has no such metric", quantity.task_label)};
  }

  Judged judge_task(const GateRule& rule, const Quantity& quantity, const Side& side, const Bounds& bounds, RuleVerdict& verdict) {
    const Trials trials = good_trials(side, quantity.task_label);
    const Metric metric = metric_of(trials.front()->trial, quantity);
    verdict.unit = rule.scale == Scale::kRatio ? "share" : metric.unit;
    std::vector<Outcomes> after;
    for (const StoredTrial* trial : trials) after.push_back(outcomes_of(*trial, metric.filter, quantity.leaf));
    const bool has_answers = std::ranges::all_of(after, [&](const Outcomes& outcomes) { return !outcomes.empty(); });
    if (rule.reference.empty()) return judge_value(trials, metric, after, quantity, bounds);
    const Reference reference = names_.reference_of(rule, side, quantity.task_label, trials.front());
    if (!has_answers || is_cost(metric)) return judge_measured(rule, quantity, trials, reference, bounds);
    const std::string what = fmt::format("{} against {} on {}", side.label, rule.reference, quantity.task_label);
    const std::vector<Outcomes> before = reference_outcomes(reference, quantity, metric, after.front(), trials.front()->trial.cell, what);
    const Grade grade = grade_of(metric, after.front());
    PairedOutcomes paired = pair_outcomes(before, after, grade, what);
    if (quantity.leaf.empty()) weigh_leaves(paired, trials.front()->trial, metric);
    if (paired.count() == 0) throw Missing{what + ": no example in common"};
    return judge_pairs(paired, grade, rule.scale, bounds, report_.settings.level);
  }

  std::vector<Outcomes> reference_outcomes(const Reference& reference, const Quantity& quantity, const Metric& metric, const Outcomes& asked, const Cell& cell,
                                           const std::string& what) {
    std::vector<Outcomes> before;
    for (const StoredTrial* trial : reference.stored) before.push_back(outcomes_of(*trial, metric.filter, quantity.leaf));
    for (const BaselineVariant* variant : reference.baseline) {
      const BaselineTrial* trial = baseline_trial(*variant, quantity.task_label, cell.task);
      if (trial == nullptr) throw Missing{fmt::format("the baseline has no trial of {} under {}", quantity.task_label, variant->variant)};
      note_weights(*variant, cell);
      before.push_back(baseline_outcomes(*baseline_, *trial, metric, asked, cell, what));
    }
    return before;
  }

  const BaselineTrial* baseline_trial(const BaselineVariant& variant, const std::string& label, const std::string& task) const {
    const BaselineTrial* found = nullptr;
    for (const BaselineTrial& trial : variant.trials) {
      const BaselineTask& of = baseline_->tasks[trial.task];
      if (of.label == label) return &trial;
      if (of.task == task) found = &trial;
    }
    return found;
  }

  void note_weights(const BaselineVariant& variant, const Cell& cell) {
    const Json& now = member_in(cell.identity, "model");
    if (now == variant.model_identity) return;
    const std::string note = fmt::format("the baseline's {} ran on another model, dtype, device or engine than {} now", variant.variant, cell.model);
    if (std::ranges::find(report_.notes, note) == report_.notes.end()) report_.notes.push_back(note);
  }

  // A score by itself.
  Judged judge_value(const Trials& trials, const Metric& metric, const std::vector<Outcomes>& answers, const Quantity& quantity, const Bounds& bounds) const {
    if (trials.size() > 1) return judge_draws(trials, quantity, bounds);
    std::int64_t right = 0, count = 0;
    bool is_share = metric.unit == "share" && !answers.front().empty();
    for (const Outcome& outcome : answers.front()) {
      const double* value = outcome.values.find(metric.name);
      is_share = is_share && value != nullptr && (*value == 0 || *value == 1);
      if (!is_share) break;
      right += *value == 1;
      ++count;
    }
    // A group may weigh its parts otherwise than by their examples.
    is_share = is_share && std::abs(static_cast<double>(right) / static_cast<double>(count) - metric.value) < 1e-9;
    if (is_share) return judge_share(right, count, bounds, report_.settings.level);
    if (metric.standard_error && std::isfinite(*metric.standard_error)) {
      return judge_estimate(metric.value, *metric.standard_error, kNormal, metric.count, bounds, report_.settings.level,
                            "the metric with its standard error, normal interval");
    }
    return judge_number(metric.value, bounds, "the metric alone; it has no standard error");
  }

  // Several calibration draws: their mean, whose error is that of one run over its examples and that of the draws.
  Judged judge_draws(const Trials& trials, const Quantity& quantity, const Bounds& bounds) const {
    std::vector<double> values, variances;
    const Metric& metric = metric_of(trials.front()->trial, quantity);
    for (const StoredTrial* trial : trials) {
      const Metric& drawn = metric_of(trial->trial, quantity);
      values.push_back(drawn.value);
      if (drawn.standard_error && std::isfinite(*drawn.standard_error)) variances.push_back(*drawn.standard_error * *drawn.standard_error);
    }
    const double count = static_cast<double>(metric.count), over_draws = std::pow(mean_standard_error(values), 2);
    const bool has_errors = variances.size() == values.size();
    const double over_examples = has_errors ? mean(variances) + (metric.unit == "share" ? unseen_variance(count) : 0) : 0;
    const double freedom = satterthwaite({{over_examples, count - 1}, {over_draws, static_cast<double>(values.size() - 1)}});
    return judge_estimate(mean(values), std::sqrt(over_examples + over_draws), freedom, metric.count, bounds, report_.settings.level,
                          fmt::format("mean over {} calibration draws, t interval over {}", values.size(), has_errors ? "examples and draws" : "the draws"));
  }

  // A metric that is measured with every task; bytes are joined as the leaderboard does, rates and times compared trial by trial.
  Judged judge_cost(const GateRule& rule, const Quantity& quantity, const Side& side, const Bounds& bounds, RuleVerdict& verdict) {
    const Trials trials = names_.all_trials(side);
    if (trials.empty()) throw Missing{fmt::format("{} has no good trial on {}", side.label, side.model)};
    std::vector<Trial> own;
    for (const StoredTrial* trial : trials) own.push_back(trial->trial);
    const std::optional<Metric> joined = joined_cost(own, quantity.metric->name);
    if (!joined) throw Missing{fmt::format("no trial of {} has '{}'", side.label, quantity.metric->name)};
    verdict.unit = rule.scale == Scale::kRatio ? "share" : joined->unit;
    if (rule.reference.empty()) return judge_number(joined->value, bounds, "joined over its tasks as in the leaderboard");
    const Reference reference = names_.reference_of(rule, side, "", nullptr);
    std::vector<Trial> others;
    for (const StoredTrial* trial : reference.stored) others.push_back(trial->trial);
    for (const BaselineVariant* variant : reference.baseline) {
      for (const BaselineTrial& trial : variant->trials) others.push_back(as_trial(trial));
    }
    const std::optional<Metric> before = joined_cost(others, quantity.metric->name);
    if (!before || before->value == 0) throw Missing{fmt::format("no trial of {} has '{}'", rule.reference, quantity.metric->name)};
    if (rule.scale == Scale::kDifference) return judge_number(joined->value - before->value, bounds, "difference of what the leaderboard shows");
    if (!is_rate(*joined))
      return judge_number(joined->value / before->value, bounds,
                          fmt::format("{} over {}, joined over tasks as in the leaderboard", shown_number(joined->value, joined->unit),
                                      shown_number(before->value, before->unit)));
    std::vector<CostPair> pairs;
    for (const Trial& trial : own) {
      for (const Trial& other : others) {
        if (other.cell.task_label == trial.cell.task_label) pairs.push_back({&other, &trial});
      }
    }
    return judge_cost_pairs(pairs, quantity.metric->name, bounds);
  }

  // A metric of one task that has no answers behind it.
  Judged judge_measured(const GateRule& rule, const Quantity& quantity, const Trials& trials, const Reference& reference, const Bounds& bounds) {
    std::vector<Trial> others;
    for (const StoredTrial* trial : reference.stored) others.push_back(trial->trial);
    for (const BaselineVariant* variant : reference.baseline) {
      if (const BaselineTrial* trial = baseline_trial(*variant, quantity.task_label, trials.front()->trial.cell.task)) others.push_back(as_trial(*trial));
    }
    if (others.empty()) throw Missing{"the reference was not measured"};
    const Metric& metric = metric_of(trials.front()->trial, quantity);
    const Metric& before = metric_of(others.front(), quantity);
    if (rule.scale == Scale::kDifference) return judge_number(metric.value - before.value, bounds, "difference of two measurements");
    std::vector<CostPair> pairs;
    for (std::size_t i = 0; i < trials.size(); ++i) pairs.push_back({&others[std::min(i, others.size() - 1)], &trials[i]->trial});
    if (is_cost(metric)) return judge_cost_pairs(pairs, metric.name, bounds);
    if (before.value == 0) throw Missing{"the reference's value is 0"};
    return judge_number(metric.value / before.value, bounds, "ratio of two numbers without paired answers");
  }

  Trial as_trial(const BaselineTrial& stored) const {
    Trial trial;
    trial.cell.task = baseline_->tasks[stored.task].task;
    trial.cell.task_label = baseline_->tasks[stored.task].label;
    trial.metrics = stored.metrics;
    trial.seconds = stored.seconds;
    trial.status = TrialStatus::kOk;
    return trial;
  }

  TrialShelf shelf_;
  const std::vector<NamedRule>& rules_;
  const Baseline* baseline_;
  GateNames names_;
  GateReport report_;
};

}  // namespace

GateReport judge(std::span<Store> stores, const std::vector<NamedRule>& rules, const Baseline* baseline, const GateSettings& settings) {
  return Gate(stores, rules, baseline, settings).run();
}

Verdict overall(const GateReport& report) {
  Verdict worst = Verdict::kPass;
  for (const RuleVerdict& verdict : report.verdicts) worst = std::max(worst, verdict.verdict);
  return worst;
}

const char* verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return "pass";
    case Verdict::kInconclusive: return "inconclusive";
    case Verdict::kFail: return "fail";
    case Verdict::kMissing: return "missing";
  }
  return "";
}

}  // namespace winnow
