#include "harness/core/json.h"
#include "results/comparison_report.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

OrderedJson interval_json(const Interval& interval) { return OrderedJson::array({json_number(interval.low), json_number(interval.high)}); }

OrderedJson counts_json(const PairCounts& counts) {
  return {{"both", counts.both}, {"only_first", counts.only_first}, {"only_second", counts.only_second}, {"neither", counts.neither}};
}

OrderedJson difference_json(const ScoreComparison& score) {
  OrderedJson object{{"value", json_number(score.difference.difference)},
                     {"stderr", json_number(score.difference.standard_error)},
                     {"of", score.kind == Grade::Kind::kMean ? "means" : "logarithms of perplexities"},
                     {"normal", interval_json(score.difference.interval)},
                     {"bootstrap", interval_json(score.bootstrap)}};
  if (score.score) object["score"] = interval_json(*score.score);
  if (!score.draws) return object;
  object["draws"] = {{"first", score.draws->first_draws}, {"second", score.draws->second_draws}};
  object["these_items"] = {{"interval", interval_json(score.draws->these_items)}, {"stderr", json_number(score.draws->these_items_error)}};
  object["items_and_calibration_draws"] = {{"interval", interval_json(score.draws->items_and_draws)},
                                           {"stderr", json_number(score.draws->items_and_draws_error)}};
  return object;
}

OrderedJson subject_json(const SubjectComparison& subject) {
  OrderedJson object{{"subject", subject.name}, {"n", subject.count}, {"first", json_number(subject.first)}, {"second", json_number(subject.second)}};
  object["difference"] = {{"value", json_number(subject.difference.difference)},
                          {"stderr", json_number(subject.difference.standard_error)},
                          {"normal", interval_json(subject.difference.interval)}};
  if (subject.counts) object["counts"] = counts_json(*subject.counts);
  if (subject.p) object["p"] = json_number(*subject.p);
  if (subject.holm_p) object["holm_p"] = json_number(*subject.holm_p);
  return object;
}

OrderedJson score_json(const ScoreComparison& score) {
  OrderedJson object{{"model", score.model}, {"first", score.first_label}, {"second", score.second_label}, {"task", score.task_label}};
  object["metric"] = score.metric.name;
  object["filter"] = score.metric.filter;
  object["unit"] = score.metric.unit;
  object["higher_is_better"] = score.metric.higher_is_better;
  object["n"] = score.pairs;
  object["unpaired"] = {{"first", score.only_first}, {"second", score.only_second}};
  object["first_value"] = json_number(score.first);
  object["second_value"] = json_number(score.second);
  object["difference"] = difference_json(score);
  if (score.counts) object["counts"] = counts_json(*score.counts);
  object["p"] = json_number(score.p);
  object["p_from"] = score.p_from;
  object["holm_p"] = json_number(score.holm_p);
  if (score.ratio) {
    object[score.kind == Grade::Kind::kMean ? "retention" : "ratio"] = {{"value", json_number(*score.ratio)},
                                                                        {"interval", interval_json(score.ratio_interval)},
                                                                        {"interval_from", score.counts                       ? "score"
                                                                                          : score.kind == Grade::Kind::kMean ? "bootstrap"
                                                                                                                             : "normal, of the logarithm"},
                                                                        {"bootstrap", interval_json(score.ratio_bootstrap)}};
  }
  object["smallest_visible_difference"] = json_number(score.visible);
  if (score.noise) {
    object["noise_floor"] = {{"reach", json_number(score.noise->reach)},
                             {"trial_pairs", score.noise->trial_pairs},
                             {"examples", score.noise->examples},
                             {"flips", score.noise->flips},
                             {"largest_difference", json_number(score.noise->largest_difference)}};
  }
  for (const SubjectComparison& subject : score.subjects) object["subjects"].push_back(subject_json(subject));
  object["notes"] = score.notes;
  return object;
}

OrderedJson cost_json(const CostComparison& cost) {
  OrderedJson object{{"model", cost.model}, {"first", cost.first_label}, {"second", cost.second_label}};
  if (!cost.task_label.empty()) object["task"] = cost.task_label;
  object["name"] = cost.name;
  if (!cost.part.empty()) object["part"] = cost.part;
  object["unit"] = cost.unit;
  object["higher_is_better"] = cost.higher_is_better;
  object["first_value"] = json_number(cost.first);
  object["second_value"] = json_number(cost.second);
  if (cost.second_error) object["second_stderr"] = json_number(*cost.second_error);
  object["ratio"] = json_number(cost.ratio);
  object["range"] = interval_json({cost.low, cost.high});
  object["pairs"] = cost.measurements;
  object["spread_from"] = cost.spread_from;
  return object;
}

}  // namespace

std::string comparison_json(const ComparisonReport& report) {
  OrderedJson object{{"confidence", report.settings.level}, {"replicates", report.settings.replicates}, {"seed", report.settings.seed}};
  object["scores"] = OrderedJson::array();
  for (const ScoreComparison& score : report.scores) object["scores"].push_back(score_json(score));
  object["costs"] = OrderedJson::array();
  for (const CostComparison& cost : report.costs) object["costs"].push_back(cost_json(cost));
  object["notes"] = report.notes;
  object["how"] = OrderedJson::object();
  for (const auto& [name, sentence] : comparison_methods(report)) object["how"][name] = sentence;
  return json_text(object);
}

}  // namespace winnow
