#include "results/gate_numbers.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "harness/core/error.h"
#include "harness/core/paired.h"
#include "harness/core/proportions.h"

namespace winnow {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kPower = 0.8;

bool holds(double value, const Bounds& bounds) {
  return (bounds.low_counts ? value >= bounds.low : value > bounds.low) && (bounds.high_counts ? value <= bounds.high : value < bounds.high);
}

Verdict verdict_on(const Interval& interval, const Bounds& bounds) {
  if (holds(interval.low, bounds) && holds(interval.high, bounds)) return Verdict::kPass;
  const bool is_outside = interval.high < bounds.low || interval.low > bounds.high || (!bounds.low_counts && interval.high == bounds.low) ||
                          (!bounds.high_counts && interval.low == bounds.high);
  return is_outside ? Verdict::kFail : Verdict::kInconclusive;
}

// `statistic` gives how many standard errors what was seen lies above a limit.
using Statistic = std::function<double(double limit)>;

Judged judge_interval(double value, const Interval& interval, std::int64_t examples, const Bounds& bounds, double level, const Statistic& statistic,
                      std::string how) {
  if (std::isnan(interval.low) || std::isnan(interval.high)) {
    return {.verdict = Verdict::kInconclusive, .value = value, .examples = examples, .needed = {}, .needed_80 = {}, .how = std::move(how)};
  }
  Judged judged{.verdict = verdict_on(interval, bounds), .value = value, .interval = interval, .examples = examples, .how = std::move(how)};
  if (judged.verdict != Verdict::kInconclusive) return judged;
  const auto needed = [&](double power) {
    double most = 0;  // both bounds have to be settled where what was seen lies between them, the nearer one decides outside
    const bool is_inside = holds(value, bounds);
    for (const double limit : {bounds.low, bounds.high}) {
      if (std::isinf(limit) || (!is_inside && (limit == bounds.low) != (value < bounds.low))) continue;
      most = std::max(most, examples_to_settle(statistic(limit), static_cast<double>(examples), level, power));
    }
    return std::max(most, static_cast<double>(examples) + 1);
  };
  judged.needed = needed(0.5);
  judged.needed_80 = needed(kPower);
  return judged;
}

Interval normal_interval(double value, double standard_error, double level) {
  const double reach = normal_reach(level) * standard_error;
  return {value - reach, value + reach};
}

Judged judge_right_or_wrong(const PairCounts& counts, GateRule::Scale scale, const Bounds& bounds, double level) {
  const double n = static_cast<double>(counts.total());
  const std::string seen = fmt::format("{} pairs, {} lost, {} gained", counts.total(), counts.only_first, counts.only_second);
  if (scale == GateRule::Scale::kRatio && counts.first_right() == 0) {
    return {.verdict = Verdict::kInconclusive,
            .value = std::nan(""),
            .interval = {},
            .examples = counts.total(),
            .needed = {},
            .needed_80 = {},
            .how = "the reference answered none of the examples rightly, so that there is no ratio"};
  }
  if (scale == GateRule::Scale::kRatio) {
    const double ratio = static_cast<double>(counts.second_right()) / static_cast<double>(counts.first_right());
    return judge_interval(
        ratio, ratio_interval(counts, level), counts.total(), bounds, level, [&](double limit) { return ratio_statistic(counts, limit); },
        "ratio of shares with Nam and Blackwelder's score interval; " + seen);
  }
  const double difference = static_cast<double>(counts.only_second - counts.only_first) / n;
  return judge_interval(
      difference, difference_interval(counts, level), counts.total(), bounds, level, [&](double limit) { return difference_statistic(counts, limit); },
      "difference of shares with Tango's score interval; " + seen);
}

Judged judge_perplexities(const PairedOutcomes& paired, const Bounds& bounds, double level) {
  PairedStratum all;
  for (const PairedStratum& stratum : paired.strata()) {
    all.first.insert(all.first.end(), stratum.first.begin(), stratum.first.end());
    all.second.insert(all.second.end(), stratum.second.begin(), stratum.second.end());
  }
  const Estimate ratio = log_ratio(all.first, all.second, paired.weights);
  const Interval logarithms = normal_interval(ratio.value, ratio.standard_error, level);
  return judge_interval(
      std::exp(ratio.value), {std::exp(logarithms.low), std::exp(logarithms.high)}, static_cast<std::int64_t>(paired.count()), bounds, level,
      [&](double limit) { return limit > 0 ? (ratio.value - std::log(limit)) / ratio.standard_error : kInfinity; },
      "ratio of perplexities, normal interval of its logarithm over documents");
}

// The standard error of the mean of second − factor·first, over examples and, where there are several, calibration draws.
Estimate mean_of(const PairedOutcomes& paired, double factor, double& freedom) {
  Draws first = paired.first;
  for (std::vector<double>& draw : first) {
    for (double& value : draw) value *= factor;
  }
  std::vector<PairedStratum> strata = paired.strata();
  for (PairedStratum& stratum : strata) {
    for (double& value : stratum.first) value *= factor;
  }
  const PairedDifference difference = stratified_difference(strata);
  double over_examples = difference.standard_error;
  if (paired.has_only_right_and_wrong()) over_examples = std::sqrt(over_examples * over_examples + unseen_variance(static_cast<double>(paired.count())));
  freedom = kInfinity;
  if (!paired.is_replicated()) return {difference.difference, over_examples};
  const ReplicatedDifference both = replicated_difference(first, paired.second, over_examples);
  freedom = both.both_freedom;
  return {difference.difference, both.over_both};
}

Judged judge_means(const PairedOutcomes& paired, GateRule::Scale scale, const Bounds& bounds, double level) {
  double freedom = kInfinity;
  const auto [before, after] = stratified_means(paired.strata());
  const bool is_ratio = scale == GateRule::Scale::kRatio;
  const double value = is_ratio ? after / before : after - before;
  // Around a ratio r the mean of second − r·first moves by the first's mean: a linearised interval.
  const Estimate estimate = mean_of(paired, is_ratio ? value : 1, freedom);
  const double error = is_ratio ? estimate.standard_error / std::abs(before) : estimate.standard_error;
  const std::string how = std::string(is_ratio ? "ratio" : "difference") + " of means, " +
                          (paired.is_replicated() ? "t interval over examples and calibration draws" : "normal interval");
  return judge_interval(
      value, t_interval(value, error, freedom, level), static_cast<std::int64_t>(paired.count()), bounds, level,
      [&](double limit) { return (value - limit) / error; }, how);
}

}  // namespace

Bounds bounds_of(const GateRule& rule, double limit) {
  switch (rule.sign) {
    case GateRule::Sign::kAtLeast: return {limit - rule.within, kInfinity, true, true};
    case GateRule::Sign::kMoreThan: return {limit - rule.within, kInfinity, false, true};
    case GateRule::Sign::kAtMost: return {-kInfinity, limit + rule.within, true, true};
    case GateRule::Sign::kLessThan: return {-kInfinity, limit + rule.within, true, false};
    case GateRule::Sign::kEqual: return {limit - rule.within, limit + rule.within, true, true};
  }
  return {limit, limit};
}

Judged judge_number(double value, const Bounds& bounds, const std::string& how) {
  return {.verdict = holds(value, bounds) ? Verdict::kPass : Verdict::kFail,
          .value = value,
          .interval = {},
          .examples = 0,
          .needed = {},
          .needed_80 = {},
          .how = how};
}

Judged judge_estimate(double value, double standard_error, double freedom, std::int64_t examples, const Bounds& bounds, double level, const std::string& how) {
  if (standard_error == 0) return judge_number(value, bounds, how);
  return judge_interval(
      value, t_interval(value, standard_error, freedom, level), examples, bounds, level, [&](double limit) { return (value - limit) / standard_error; }, how);
}

Judged judge_share(std::int64_t right, std::int64_t count, const Bounds& bounds, double level) {
  return judge_interval(
      static_cast<double>(right) / static_cast<double>(count), wilson_interval(right, count, level), count, bounds, level,
      [&](double limit) { return limit > 0 && limit < 1 ? wilson_statistic(right, count, limit) : kInfinity; },
      fmt::format("share of right answers with Wilson's interval; {} of {}", right, count));
}

Judged judge_pairs(const PairedOutcomes& paired, const Grade& grade, GateRule::Scale scale, const Bounds& bounds, double level) {
  if (grade.kind == Grade::Kind::kPerplexity && !paired.is_replicated() && scale == GateRule::Scale::kRatio) return judge_perplexities(paired, bounds, level);
  if (grade.kind == Grade::Kind::kPerplexity)
    throw input_error("perplexities are judged as a multiple of the reference's, one calibration draw each: wikitext <= 1.05 * dense");
  if (paired.is_right_or_wrong()) return judge_right_or_wrong(paired.counts(0, paired.count()), scale, bounds, level);
  return judge_means(paired, scale, bounds, level);
}

Judged judge_range(double value, const Interval& range, const Bounds& bounds, const std::string& how) {
  Judged judged = judge_number(value, bounds, how);
  if (!(range.low < range.high)) return judged;
  judged.interval = range;
  judged.verdict = verdict_on(range, bounds);
  return judged;
}

}  // namespace winnow
