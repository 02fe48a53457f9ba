#include <algorithm>
#include <array>
#include <cmath>

#include "harness/core/error.h"
#include "results/comparison_report.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

constexpr std::array kColumns{"kind",
                              "model",
                              "first",
                              "second",
                              "task",
                              "subject",
                              "metric",
                              "filter",
                              "unit",
                              "n",
                              "first_value",
                              "second_value",
                              "difference",
                              "stderr",
                              "normal_low",
                              "normal_high",
                              "bootstrap_low",
                              "bootstrap_high",
                              "score_low",
                              "score_high",
                              "these_items_low",
                              "these_items_high",
                              "items_and_draws_low",
                              "items_and_draws_high",
                              "lost",
                              "gained",
                              "p",
                              "p_from",
                              "holm_p",
                              "ratio",
                              "ratio_low",
                              "ratio_high",
                              "ratio_bootstrap_low",
                              "ratio_bootstrap_high",
                              "visible_difference",
                              "noise_floor"};

// A line whose fields are set by the names of their columns; the rest stays empty.
class Line {
 public:
  template <class Compared>
  Line(const char* kind, const Compared& compared) {
    text("kind", kind)
        .text("model", compared.model)
        .text("first", compared.first_label)
        .text("second", compared.second_label)
        .text("task", compared.task_label);
  }
  Line& text(std::string_view column, std::string_view value) { return set(column, csv_text(value)); }
  Line& number(std::string_view column, double value) { return std::isnan(value) ? *this : set(column, csv_number(value)); }
  Line& interval(const std::string& column, const Interval& value) { return number(column + "_low", value.low).number(column + "_high", value.high); }
  Line& counts(const PairCounts& counts) {
    return number("lost", static_cast<double>(counts.only_first)).number("gained", static_cast<double>(counts.only_second));
  }
  std::string csv() const { return fmt::format("{}\n", fmt::join(fields_, ",")); }

 private:
  Line& set(std::string_view column, std::string value) {
    const auto place = std::ranges::find(kColumns, column);
    WINNOW_CHECK(place != kColumns.end());
    fields_[static_cast<std::size_t>(place - kColumns.begin())] = std::move(value);
    return *this;
  }
  std::array<std::string, kColumns.size()> fields_;
};

std::string score_fields(const ScoreComparison& score) {
  Line line("score", score);
  line.text("metric", score.metric.name).text("filter", score.metric.filter).text("unit", score.metric.unit).number("n", static_cast<double>(score.pairs));
  line.number("first_value", score.first).number("second_value", score.second).number("difference", score.difference.difference);
  line.number("stderr", score.difference.standard_error).interval("normal", score.difference.interval).interval("bootstrap", score.bootstrap);
  if (score.score) line.interval("score", *score.score);
  if (score.draws) line.interval("these_items", score.draws->these_items).interval("items_and_draws", score.draws->items_and_draws);
  if (score.counts) line.counts(*score.counts);
  line.number("p", score.p).text("p_from", score.p_from).number("holm_p", score.holm_p);
  if (score.ratio) line.number("ratio", *score.ratio).interval("ratio", score.ratio_interval).interval("ratio_bootstrap", score.ratio_bootstrap);
  line.number("visible_difference", score.visible);
  if (score.noise) line.number("noise_floor", score.noise->reach);
  return line.csv();
}

std::string subject_line(const ScoreComparison& score, const SubjectComparison& subject) {
  Line line("subject", score);
  line.text("subject", subject.name).text("metric", score.metric.name).text("filter", score.metric.filter).text("unit", score.metric.unit);
  line.number("n", static_cast<double>(subject.count)).number("first_value", subject.first).number("second_value", subject.second);
  line.number("difference", subject.difference.difference).number("stderr", subject.difference.standard_error).interval("normal", subject.difference.interval);
  if (subject.counts) line.counts(*subject.counts);
  if (subject.p) line.number("p", *subject.p).text("p_from", "exact McNemar").number("holm_p", subject.holm_p.value_or(1));
  return line.csv();
}

std::string cost_line(const CostComparison& cost) {
  Line line("cost", cost);
  line.text("subject", cost.part).text("metric", cost.name).text("unit", cost.unit).number("n", static_cast<double>(cost.measurements));
  line.number("first_value", cost.first).number("second_value", cost.second).number("ratio", cost.ratio).interval("ratio", {cost.low, cost.high});
  return line.csv();
}

}  // namespace

std::string comparison_csv(const ComparisonReport& report) {
  std::string text = fmt::format("{}\n", fmt::join(kColumns, ","));
  for (const ScoreComparison& score : report.scores) {
    text += score_fields(score);
    for (const SubjectComparison& subject : score.subjects) text += subject_line(score, subject);
  }
  for (const CostComparison& cost : report.costs) text += cost_line(cost);
  return text;
}

}  // namespace winnow
