#include "results/compare_stores.h"

#include <algorithm>
#include <set>

#include "harness/core/error.h"
#include "harness/core/proportions.h"
#include "harness/core/settings.h"
#include "results/cost_comparison.h"
#include "results/leaderboard.h"
#include "results/stored_values.h"

namespace winnow {
namespace {

using Outcomes = std::vector<Outcome>;
using Trials = std::vector<const StoredTrial*>;

Json settings_of(const Trial& trial) { return object_in(object_in(trial.cell.identity, "task"), "settings"); }

std::string shown(const Json& settings, const std::string& name) { return settings.contains(name) ? settings[name].dump() : "none"; }

bool is_named(const TrialShelf& shelf, const std::string& label, const std::string& name) {
  if (label == name || label.substr(0, label.find(' ')) == name) return true;
  return std::ranges::any_of(shelf.trials(),
                             [&](const StoredTrial& stored) { return stored.trial.cell.task_label == label && stored.trial.cell.task == name; });
}

std::vector<std::string> chosen_tasks(const TrialShelf& shelf, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return shelf.tasks();
  std::vector<std::string> tasks;
  for (const std::string& name : wanted) {
    bool is_known = false;
    for (const std::string& label : shelf.tasks()) {
      if (!is_named(shelf, label, name)) continue;
      is_known = true;
      if (std::ranges::find(tasks, label) == tasks.end()) tasks.push_back(label);
    }
    if (is_known) continue;
    throw usage_error("no trial is of a task '{}'{}; there are: {}", name, did_you_mean(name, shelf.tasks()), fmt::join(shelf.tasks(), ", "));
  }
  return tasks;
}

class Comparer {
 public:
  Comparer(std::span<Store> stores, const ComparisonRequest& request) : shelf_(stores), request_(request), tasks_(chosen_tasks(shelf_, request.tasks)) {
    report_.settings = request.settings;
  }

  ComparisonReport run() {
    for (const auto& [first, second] : choose_sides(shelf_.known(), request_.first, request_.second)) {
      std::vector<CostPair> measured_beside;
      for (const std::string& task : tasks_) compare_task(first, second, task, measured_beside);
      add_costs(first, second, "", measured_beside, CostKind::kBeside);
    }
    refuse_unknown_metric();
    std::vector<double> p_values;
    for (const ScoreComparison& score : report_.scores) p_values.push_back(score.p);
    const std::vector<double> adjusted = holm(p_values);
    for (std::size_t i = 0; i < adjusted.size(); ++i) report_.scores[i].holm_p = adjusted[i];
    return std::move(report_);
  }

 private:
  // What the comparison of these two on a task is called in sentences.
  static std::string title(const Side& first, const Side& second, const std::string& task) {
    return fmt::format("{} against {} on {}", label(second, first), label(first, second), task);
  }
  static std::string label(const Side& side, const Side& other) { return side.model == other.model ? side.label : side.model + "/" + side.label; }

  void compare_task(const Side& first, const Side& second, const std::string& task, std::vector<CostPair>& measured_beside) {
    Trials before = trials_of(shelf_, first, task);
    Trials after = trials_of(shelf_, second, task, before.empty() ? nullptr : before.front());
    if (first == second && !before.empty()) run_again(before, after, title(first, second, task));
    if (before.empty() && after.empty()) return;
    if (before.empty() && is_measurement_trial(*after.front())) return add_measurement(first, second, task, before, after);
    if (before.empty() || after.empty()) return note_missing(before.empty() ? first : second, task);
    if (is_measurement_trial(*before.front())) return add_measurement(first, second, task, before, after);
    for (const CostPair& pair : draw_by_draw(before, after)) measured_beside.push_back(pair);
    const Metric* metric = choose_metric(before.front()->trial, request_.metric);
    if (metric == nullptr) {
      report_.notes.push_back(fmt::format("{}: no metric '{}'", title(first, second, task), request_.metric ? request_.metric->name : ""));
      note_known_metrics(*before.front());
      return;
    }
    add_score(first, second, task, *metric, before, after);
  }

  // What may be asked for in place of a metric that no task has.
  void note_known_metrics(const StoredTrial& stored) {
    for (const Metric& metric : stored.trial.metrics) {
      const bool is_of_answers = metric.leaf.empty() && metric.count == stored.trial.metrics.front().count;
      if (!is_of_answers || is_cost(metric) || metric.unit == "examples") continue;
      known_metrics_.insert(metric.filter.empty() || metric.filter == "none" ? metric.name : metric.name + "," + metric.filter);
    }
  }
  void refuse_unknown_metric() const {
    if (!request_.metric || !report_.scores.empty() || known_metrics_.empty()) return;
    const std::string asked = request_.metric->name + (request_.metric->filter.empty() ? "" : "," + request_.metric->filter);
    throw usage_error("no task has the metric '{}'{}; there are: {}", asked,
                      did_you_mean(asked, std::vector<std::string>(known_metrics_.begin(), known_metrics_.end())), fmt::join(known_metrics_, ", "));
  }

  // Numbers without answers.
  bool is_measurement_trial(const StoredTrial& stored) {
    const std::vector<Metric>& metrics = stored.trial.metrics;
    return !metrics.empty() && keep(stored, metrics.front().filter)->empty();
  }

  static std::vector<CostPair> draw_by_draw(const Trials& before, const Trials& after) {
    std::vector<CostPair> pairs;
    for (std::size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
      pairs.push_back({before.empty() ? nullptr : &before[std::min(i, before.size() - 1)]->trial, &after[std::min(i, after.size() - 1)]->trial});
    }
    return pairs;
  }

  void add_measurement(const Side& first, const Side& second, const std::string& task, const Trials& before, const Trials& after) {
    add_costs(first, second, task, draw_by_draw(before, after), CostKind::kMeasurement);
  }

  // The same side twice: its trial in the first store that has one against that of the last.
  static void refuse_single(const Trials& again, const std::string& what) {
    if (again.size() < 2) throw usage_error("{}: both names mean one trial; name two, or two stores that ran it", what);
  }
  void run_again(Trials& before, Trials& after, const std::string& what) const {
    const Trials again = shelf_.same_cell(*before.front());
    refuse_single(again, what);
    before = {again.front()};
    after = {again.back()};
  }

  void note_missing(const Side& side, const std::string& task) {
    for (const std::string& variant : side.variants) {
      const StoredTrial* trial = shelf_.find_any(side.model, variant, task);
      if (trial == nullptr) continue;
      report_.notes.push_back(fmt::format("{} · {} · {}: {}{}{}", side.model, variant, task, status_name(trial->trial.status),
                                          trial->trial.reason.empty() ? "" : ": ", trial->trial.reason));
      return;
    }
    report_.notes.push_back(fmt::format("{} · {} · {}: not run", side.model, side.label, task));
  }

  void add_score(const Side& first, const Side& second, const std::string& task, const Metric& metric, const Trials& before, const Trials& after) {
    const std::string what = title(first, second, task);
    std::vector<std::shared_ptr<const Outcomes>> held;
    const auto read = [&](const Trials& trials) {
      std::vector<const Outcomes*> outcomes;
      for (const StoredTrial* trial : trials) outcomes.push_back(held.emplace_back(keep(*trial, metric.filter)).get());
      return outcomes;
    };
    const std::vector<const Outcomes*> of_first = read(before), of_second = read(after);
    const Grade grade = grade_of(metric, *of_first.front());
    PairedOutcomes paired = pair_outcomes(of_first, of_second, grade, what);
    weigh_leaves(paired, before.front()->trial, metric);
    ScoreComparison score = compare_scores(paired, grade, request_.settings);
    score.model = first.model == second.model ? first.model : "";
    score.first_label = label(first, second);
    score.second_label = label(second, first);
    score.task_label = task;
    score.metric = metric;
    if (score.pairs == 0) {
      report_.notes.push_back(what + ": no example in common");
      return;
    }
    note_engines(score, before.front()->trial, after.front()->trial);
    note_settings(score, before.front()->trial, after.front()->trial);
    add_noise_floor(score, metric, grade, before, after);
    report_.scores.push_back(std::move(score));
  }

  // The first side is met again with every second one.
  std::shared_ptr<const Outcomes> keep(const StoredTrial& trial, const std::string& filter) {
    std::shared_ptr<const Outcomes> outcomes = shelf_.outcomes(trial, filter);
    if (kept_.size() > 16) kept_.erase(kept_.begin());
    kept_.push_back(outcomes);
    return outcomes;
  }

  static void note_engines(ScoreComparison& score, const Trial& first, const Trial& second) {
    for (const auto& [label, trial] : {std::pair{&score.first_label, &first}, std::pair{&score.second_label, &second}}) {
      const std::string by = caveats_of(*trial).served_by;
      if (!by.empty()) score.notes.push_back(fmt::format("{} is not our engine: answered by {}", *label, by));
    }
  }

  static void note_settings(ScoreComparison& score, const Trial& first, const Trial& second) {
    const Json a = settings_of(first), b = settings_of(second);
    std::set<std::string> names;
    for (const Json* settings : {&a, &b}) {
      for (const auto& [name, value] : settings->items()) names.insert(name);
    }
    for (const std::string& name : names) {
      if (a.value(name, Json()) != b.value(name, Json())) score.notes.push_back(fmt::format("setting {}: {} against {}", name, shown(a, name), shown(b, name)));
    }
    if (score.only_first > 0 || score.only_second > 0) {
      score.notes.push_back(fmt::format("{} examples of the first and {} of the second have no partner and are left out", score.only_first, score.only_second));
    }
  }

  void add_noise_floor(ScoreComparison& score, const Metric& metric, const Grade& grade, const Trials& before, const Trials& after) {
    NoiseFloor floor;
    for (const Trials* trials : {&before, &after}) {
      for (const StoredTrial* trial : *trials) {
        for (const StoredTrial* again : shelf_.same_cell(*trial)) {
          const bool is_compared = std::ranges::find(before, again) != before.end() || std::ranges::find(after, again) != after.end();
          if (is_compared) continue;
          const std::shared_ptr<const Outcomes> one = keep(*trial, metric.filter), other = keep(*again, metric.filter);
          const Outcomes* const first = one.get();
          const Outcomes* const second = other.get();
          if (!one->empty() && !other->empty()) add_noise(floor, pair_outcomes({&first, 1}, {&second, 1}, grade, trial->trial.cell.variant + " run again"));
        }
      }
    }
    conclude_noise(floor, request_.settings.level);
    if (floor.trial_pairs > 0) score.noise = floor;
  }

  void add_costs(const Side& first, const Side& second, const std::string& task, const std::vector<CostPair>& pairs, CostKind kind) {
    for (CostComparison& cost : compare_costs(pairs, kind)) {
      cost.model = first.model == second.model ? first.model : "";
      cost.first_label = label(first, second);
      cost.second_label = label(second, first);
      cost.task_label = task;
      report_.costs.push_back(std::move(cost));
    }
  }

  TrialShelf shelf_;
  const ComparisonRequest& request_;
  std::vector<std::string> tasks_;
  ComparisonReport report_;
  std::vector<std::shared_ptr<const Outcomes>> kept_;
  std::set<std::string> known_metrics_;
};

}  // namespace

ComparisonReport compare_stores(std::span<Store> stores, const ComparisonRequest& request) { return Comparer(stores, request).run(); }

}  // namespace winnow
