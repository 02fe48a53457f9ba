#include <algorithm>
#include <array>
#include <cmath>

#include "harness/core/error.h"
#include "results/comparison_report.h"
#include "results/report.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

std::string signed_number(double value) { return std::isnan(value) ? "–" : fmt::format("{:+.4f}", value); }
std::string plain_number(double value) { return std::isnan(value) ? "–" : std::isinf(value) ? "∞" : fmt::format("{:.4f}", value); }
std::string signed_interval(const Interval& interval) { return fmt::format("{} … {}", signed_number(interval.low), signed_number(interval.high)); }
std::string plain_interval(const Interval& interval) { return fmt::format("{} … {}", plain_number(interval.low), plain_number(interval.high)); }
std::string probability(double p) { return std::isnan(p) ? "–" : p < 0.0001 ? fmt::format("{:.1e}", p) : fmt::format("{:.4f}", p); }

bool same_sides(const ScoreComparison& a, const ScoreComparison& b) {
  return a.model == b.model && a.first_label == b.first_label && a.second_label == b.second_label;
}

std::string metric_name(const Metric& metric) {
  return markdown_text(metric.name) + (metric.filter == "none" || metric.filter.empty() ? "" : ", " + markdown_text(metric.filter));
}

std::string score_line(const ScoreComparison& score) {
  const bool is_mean = score.kind == Grade::Kind::kMean;
  const std::string difference = is_mean ? fmt::format("{} ({})", signed_number(score.difference.difference), signed_interval(score.difference.interval))
                                         : signed_number(score.second - score.first);
  const std::string ratio = score.ratio ? fmt::format("{} ({})", plain_number(*score.ratio), plain_interval(score.ratio_interval)) : "–";
  return markdown_line({fmt::format("{} ({})", markdown_text(score.task_label), metric_name(score.metric)), std::to_string(score.pairs),
                        shown_number(score.first, score.metric.unit), shown_number(score.second, score.metric.unit), difference,
                        score.counts ? fmt::format("{} / {}", score.counts->only_first, score.counts->only_second) : "–",
                        fmt::format("{} ({})", probability(score.p), probability(score.holm_p)), ratio});
}

std::string score_table(const ComparisonReport& report, const ScoreComparison& head) {
  const std::string first = markdown_text(head.first_label), second = markdown_text(head.second_label);
  const std::string level = fmt::format("{:g} %", 100 * report.settings.level);
  std::string text = fmt::format("## {} → {}{}\n\n", first, second, head.model.empty() ? "" : " on " + markdown_text(head.model));
  text += markdown_line({"task", "n", first, second, fmt::format("difference ({})", level), "lost / gained", "p (Holm)", fmt::format("retention ({})", level)});
  text += markdown_line({"---", "---:", "---:", "---:", "---:", "---:", "---:", "---:"});
  for (const ScoreComparison& score : report.scores) {
    if (same_sides(score, head)) text += score_line(score);
  }
  return text + "\n";
}

std::string draws_text(const DrawComparison& draws) {
  return fmt::format("; with {} and {} calibration draws: these items {}, items and calibration draws {}", draws.first_draws, draws.second_draws,
                     signed_interval(draws.these_items), signed_interval(draws.items_and_draws));
}

std::string noise_text(const NoiseFloor& noise) {
  return fmt::format("; noise floor ±{}: {} of {} answers flipped in {} A/A {}", plain_number(noise.reach), noise.flips, noise.examples, noise.trial_pairs,
                     noise.trial_pairs == 1 ? "pair" : "pairs");
}

// The intervals that have no room in the table.
std::string details(const ScoreComparison& score) {
  const bool is_mean = score.kind == Grade::Kind::kMean;
  std::string text = fmt::format("- {}: {} normal {}, bootstrap {}", markdown_text(score.task_label), is_mean ? "difference" : "logarithm of the ratio",
                                 signed_interval(score.difference.interval), signed_interval(score.bootstrap));
  if (score.score) text += ", score " + signed_interval(*score.score);
  if (score.draws) text += draws_text(*score.draws);
  if (score.ratio) text += fmt::format("; {} bootstrap {}", is_mean ? "retention" : "ratio", plain_interval(score.ratio_bootstrap));
  text += score.visible > 1 && is_mean
              ? fmt::format("; {} examples can show no difference", score.pairs)
              : fmt::format("; {} examples can show {} of {}", score.pairs, is_mean ? "a difference" : "a logarithm", plain_number(score.visible));
  if (score.noise) text += noise_text(*score.noise);
  for (const std::string& note : score.notes) text += "; " + markdown_text(note);
  return text + "\n";
}

std::string subject_table(const ScoreComparison& score) {
  if (score.subjects.empty()) return "";
  std::string text = fmt::format("\n### {} by subject\n\n", markdown_text(score.task_label));
  text += markdown_line({"subject", "n", markdown_text(score.first_label), markdown_text(score.second_label), "difference", "lost / gained", "p (Holm)"});
  text += markdown_line({"---", "---:", "---:", "---:", "---:", "---:", "---:"});
  for (const SubjectComparison& subject : score.subjects) {
    text += markdown_line({markdown_text(subject.name), std::to_string(subject.count), plain_number(subject.first), plain_number(subject.second),
                           fmt::format("{} ({})", signed_number(subject.difference.difference), signed_interval(subject.difference.interval)),
                           subject.counts ? fmt::format("{} / {}", subject.counts->only_first, subject.counts->only_second) : "–",
                           subject.p ? fmt::format("{} ({})", probability(*subject.p), probability(subject.holm_p.value_or(1))) : "–"});
  }
  return text;
}

std::string cost_name(const CostComparison& cost) {
  std::string name = markdown_text(cost.name);
  if (!cost.part.empty()) name += ", " + markdown_text(cost.part);
  return cost.task_label.empty() ? name : fmt::format("{} ({})", name, markdown_text(cost.task_label));
}

// What the machine did meanwhile, and how the weights are spread: in the other formats.
bool is_aside(const CostComparison& cost) {
  constexpr std::array kUnits{"mark", "cores", "processes", "MHz", "kurtosis"};
  return std::ranges::find(kUnits, cost.unit) != kUnits.end() || cost.name == "stolen_share" || cost.name == "zero_share";
}

std::string cost_table(const ComparisonReport& report) {
  if (report.costs.empty()) return "";
  std::string text = "\n## Costs\n\n" + markdown_line({"sides", "what", "first", "second", "ratio", "range", "over"}) +
                     markdown_line({"---", "---", "---:", "---:", "---:", "---:", "---:"});
  for (const CostComparison& cost : report.costs) {
    if (is_aside(cost)) continue;
    const std::string sides = fmt::format("{} → {}{}", markdown_text(cost.first_label), markdown_text(cost.second_label),
                                          cost.model.empty() ? "" : " on " + markdown_text(cost.model));
    const std::string range = cost.spread_from.empty() ? "one measurement" : plain_interval({cost.low, cost.high});
    std::string second = shown_number(cost.second, cost.unit);
    if (cost.second_error && !std::isnan(*cost.second_error)) second += " ± " + shown_number(*cost.second_error, cost.unit);
    text += markdown_line({sides, cost_name(cost), std::isnan(cost.first) ? "–" : shown_number(cost.first, cost.unit), second, plain_number(cost.ratio),
                           cost.measurements == 0 ? "–" : range, fmt::format("{} {}", cost.measurements, cost.measurements == 1 ? "pair" : "pairs")});
  }
  if (std::ranges::any_of(report.costs, is_aside))
    text += "\nThe state of the machine and the spread of the weights are in `--format csv` and `--format json`.\n";
  return text;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> comparison_methods(const ComparisonReport& report) {
  const ComparisonSettings& settings = report.settings;
  const auto any = [&](auto&& has) { return std::ranges::any_of(report.scores, has); };
  std::vector<std::pair<std::string, std::string>> methods;
  methods.emplace_back(
      "difference", fmt::format("second − first over the examples both answered, paired by document and prompt; normal interval at {:g} %, its standard error "
                                "stratified by subject where there are several",
                                100 * settings.level));
  methods.emplace_back("bootstrap", fmt::format("percentiles of {} resamples of the pairs, within subjects, seed {}", settings.replicates, settings.seed));
  if (any([](const ScoreComparison& score) { return score.score.has_value(); })) {
    methods.emplace_back("score", "Tango's interval: all differences that a score test does not refuse; subjects are ignored");
    methods.emplace_back("lost / gained", "examples only the first, only the second answers rightly");
    methods.emplace_back("retention", "second / first; interval of all ratios that the score test of Nam and Blackwelder does not refuse");
  }
  if (any([](const ScoreComparison& score) { return score.kind == Grade::Kind::kPerplexity; })) {
    methods.emplace_back("ratio of perplexities", "exp of the mean difference of log-likelihoods, with its linearised standard error over documents");
  }
  methods.emplace_back("p", "exact McNemar for right-or-wrong answers, else two-sided normal; with several calibration draws t over examples and draws");
  methods.emplace_back("Holm", fmt::format("adjusted over the {} comparisons above; those of subjects over the subjects of a task", report.scores.size()));
  methods.emplace_back(
      "can show",
      fmt::format("the smallest true difference that a test at {:g} % finds with power {:g} at the discordance seen (Connor), at least 3 pairs of it",
                  100 * (1 - settings.level), settings.power));
  if (any([](const ScoreComparison& score) { return score.draws.has_value(); })) {
    methods.emplace_back("these items", "the examples at hand, calibration drawn again: t interval over the draws");
    methods.emplace_back("items and calibration draws",
                         "both drawn again: crossed random effects, degrees of freedom after Satterthwaite; the normal interval holds the draws fixed");
  }
  if (any([](const ScoreComparison& score) { return score.noise.has_value(); })) {
    methods.emplace_back("noise floor", "z·√flips / examples over trials of one cell run again (A/A); 3 flips where none was seen");
  }
  if (!report.costs.empty())
    methods.emplace_back("costs",
                         "median ratio second / first over pairs of trials, with the smallest and largest; of repeats within a trial their range, where both "
                         "were measured in turns that of their ratios");
  return methods;
}

std::string comparison_markdown(const ComparisonReport& report, SubjectDetail subjects) {
  std::string text;
  for (std::size_t i = 0; i < report.scores.size(); ++i) {
    const ScoreComparison& head = report.scores[i];
    const bool is_first =
        std::none_of(report.scores.begin(), report.scores.begin() + static_cast<std::ptrdiff_t>(i), [&](const auto& other) { return same_sides(other, head); });
    if (!is_first) continue;
    text += (text.empty() ? "" : "\n") + score_table(report, head);
    for (const ScoreComparison& score : report.scores) {
      if (same_sides(score, head)) text += details(score);
    }
    for (const ScoreComparison& score : report.scores) {
      if (subjects == SubjectDetail::kShown && same_sides(score, head)) text += subject_table(score);
    }
  }
  if (text.empty()) text = "No scores to compare.\n";
  text += cost_table(report);
  if (!report.notes.empty()) text += "\n## Left out\n\n";
  for (const std::string& note : report.notes) text += "- " + markdown_text(note) + "\n";
  text += "\n## How\n\n";
  for (const auto& [name, sentence] : comparison_methods(report)) text += fmt::format("- {}: {}.\n", name, sentence);
  return text;
}

}  // namespace winnow
