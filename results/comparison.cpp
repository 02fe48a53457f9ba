#include "results/comparison.h"

#include <algorithm>
#include <cmath>

#include "harness/core/paired.h"
#include "harness/core/proportions.h"
#include "harness/core/statistics.h"

namespace winnow {
namespace {

constexpr Interval kNone{kNoNumber, kNoNumber};

double sum_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

void compare_means(ScoreComparison& result, const PairedOutcomes& outcomes, const ComparisonSettings& settings) {
  const std::vector<PairedStratum> strata = outcomes.strata();
  const PairedMeans means = stratified_means(strata);
  result.first = means.first;
  result.second = means.second;
  result.difference = stratified_difference(strata, settings.level);
  PairedBootstrap bootstrap{.difference = kNone, .ratio = kNone};
  if (settings.replicates > 0) bootstrap = stratified_bootstrap(strata, settings.replicates, settings.seed, settings.level);
  result.bootstrap = bootstrap.difference;
  result.ratio_bootstrap = result.ratio_interval = bootstrap.ratio;
  if (result.first != 0) result.ratio = result.second / result.first;
  result.p = normal_p(result.difference.difference, result.difference.standard_error);
  result.p_from = "normal";
  result.visible = (normal_reach(settings.level) + normal_reach(2 * settings.power - 1)) * result.difference.standard_error;
  if (!outcomes.is_right_or_wrong()) return;
  const PairCounts counts = outcomes.counts(0, outcomes.count());
  result.counts = counts;
  result.score = difference_interval(counts, settings.level);
  result.ratio_interval = ratio_interval(counts, settings.level);
  result.p = mcnemar_exact(counts.only_first, counts.only_second);
  result.p_from = "exact McNemar";
  // Three discordant pairs are what 95 % of the samples would show at least one of.
  const double share = std::max(counts.discordant_share(), 3.0 / static_cast<double>(counts.total()));
  result.visible = smallest_visible_difference(share, counts.total(), settings.level, settings.power);
}

void compare_perplexities(ScoreComparison& result, const PairedOutcomes& outcomes, const ComparisonSettings& settings) {
  const double weight = sum_of(outcomes.weights);
  PairedStratum all = {};
  for (const PairedStratum& stratum : outcomes.strata()) {
    all.first.insert(all.first.end(), stratum.first.begin(), stratum.first.end());
    all.second.insert(all.second.end(), stratum.second.begin(), stratum.second.end());
  }
  const Estimate ratio = log_ratio(all.first, all.second, outcomes.weights);
  const double reach = normal_reach(settings.level) * ratio.standard_error;
  result.first = std::exp(sum_of(all.first) / weight);
  result.second = std::exp(sum_of(all.second) / weight);
  result.difference = {ratio.value, ratio.standard_error, {ratio.value - reach, ratio.value + reach}};
  result.bootstrap =
      settings.replicates == 0 ? kNone : bootstrap_log_ratio(all.first, all.second, outcomes.weights, settings.replicates, settings.seed, settings.level);
  result.ratio = std::exp(ratio.value);
  result.ratio_interval = {std::exp(ratio.value - reach), std::exp(ratio.value + reach)};
  result.ratio_bootstrap = {std::exp(result.bootstrap.low), std::exp(result.bootstrap.high)};
  result.p = normal_p(ratio.value, ratio.standard_error);
  result.p_from = "normal";
  result.visible = (normal_reach(settings.level) + normal_reach(2 * settings.power - 1)) * ratio.standard_error;
}

void compare_draws(ScoreComparison& result, const PairedOutcomes& outcomes, const Grade& grade, const ComparisonSettings& settings) {
  Draws first = outcomes.first, second = outcomes.second;
  if (grade.kind == Grade::Kind::kPerplexity) {  // so that a mean over examples is the logarithm of a perplexity
    const double mean_weight = sum_of(outcomes.weights) / static_cast<double>(outcomes.count());
    for (Draws* draws : {&first, &second}) {
      for (std::vector<double>& draw : *draws) std::ranges::transform(draw, draw.begin(), [&](double value) { return value / mean_weight; });
    }
  }
  const ReplicatedDifference both = replicated_difference(first, second, result.difference.standard_error);
  const double value = result.difference.difference;
  result.draws = DrawComparison{.first_draws = first.size(),
                                .second_draws = second.size(),
                                .these_items = t_interval(value, both.over_draws.standard_error, both.draws_freedom, settings.level),
                                .items_and_draws = t_interval(value, both.over_both, both.both_freedom, settings.level),
                                .these_items_error = both.over_draws.standard_error,
                                .items_and_draws_error = both.over_both};
  result.p = t_p(value, both.over_both, both.both_freedom);
  result.p_from = "t over examples and draws";
}

void compare_subjects(ScoreComparison& result, const PairedOutcomes& outcomes, const ComparisonSettings& settings) {
  const std::vector<PairedStratum> strata = outcomes.strata();
  std::vector<double> p_values;
  for (std::size_t i = 0; i < strata.size(); ++i) {
    const PairedOutcomes::Leaf& leaf = outcomes.leaves[i];
    SubjectComparison subject{
        .name = leaf.name, .count = static_cast<std::int64_t>(leaf.end - leaf.begin), .first = mean(strata[i].first), .second = mean(strata[i].second)};
    subject.difference = stratified_difference({&strata[i], 1}, settings.level);
    if (result.counts) {
      subject.counts = outcomes.counts(leaf.begin, leaf.end);
      p_values.push_back(*(subject.p = mcnemar_exact(subject.counts->only_first, subject.counts->only_second)));
    }
    result.subjects.push_back(std::move(subject));
  }
  const std::vector<double> adjusted = holm(p_values);
  for (std::size_t i = 0; i < adjusted.size(); ++i) result.subjects[i].holm_p = adjusted[i];
}

}  // namespace

ScoreComparison compare_scores(const PairedOutcomes& outcomes, const Grade& grade, const ComparisonSettings& settings) {
  ScoreComparison result;
  result.kind = grade.kind;
  result.pairs = static_cast<std::int64_t>(outcomes.count());
  result.only_first = outcomes.only_first;
  result.only_second = outcomes.only_second;
  if (result.pairs == 0) return result;
  if (grade.kind == Grade::Kind::kMean) {
    compare_means(result, outcomes, settings);
    if (outcomes.leaves.size() > 1) compare_subjects(result, outcomes, settings);
  } else {
    compare_perplexities(result, outcomes, settings);
  }
  if (outcomes.is_replicated()) compare_draws(result, outcomes, grade, settings);
  return result;
}

void add_noise(NoiseFloor& floor, const PairedOutcomes& again) {
  if (again.count() == 0 || !again.is_right_or_wrong()) return;
  const PairCounts counts = again.counts(0, again.count());
  ++floor.trial_pairs;
  floor.examples += counts.total();
  floor.flips += counts.only_first + counts.only_second;
  const double difference = static_cast<double>(counts.only_second - counts.only_first) / static_cast<double>(counts.total());
  floor.largest_difference = std::max(floor.largest_difference, std::abs(difference));
}

void conclude_noise(NoiseFloor& floor, double level) {
  if (floor.trial_pairs == 0) return;
  const double runs = static_cast<double>(floor.trial_pairs), examples = static_cast<double>(floor.examples) / runs;
  const double flips = (floor.flips == 0 ? 3.0 : static_cast<double>(floor.flips)) / runs;
  floor.reach = normal_reach(level) * std::sqrt(flips) / examples;
}

}  // namespace winnow
