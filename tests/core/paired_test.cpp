#include "harness/core/paired.h"

#include <gtest/gtest.h>

#include <cmath>

#include "harness/core/json.h"
#include "harness/core/proportions.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using Values = std::vector<double>;

const Json& recorded() {
  static const Json values = parse_json(test::read_text(test::fixture("statistics/recorded_paired.json")), "recorded_paired.json");
  return values;
}

void expect_near(double value, const Json& expected, double tolerance = 1e-9) {
  const double wanted = expected.get<double>();
  EXPECT_NEAR(value, wanted, tolerance * std::max(1.0, std::abs(wanted)));
}

void expect_near(const Interval& interval, const Json& expected, double tolerance = 1e-9) {
  expect_near(interval.low, expected[0], tolerance);
  expect_near(interval.high, expected[1], tolerance);
}

PairCounts counts_of(const Json& table) { return {table[0], table[1], table[2], table[3]}; }

TEST(Proportions, EqualStatsmodelsAndTheScoreIntervalsFoundByScipy) {
  ASSERT_EQ(recorded()["proportions"].size(), 11u);
  for (const Json& expected : recorded()["proportions"]) {
    SCOPED_TRACE(expected["table"].dump());
    const PairCounts counts = counts_of(expected["table"]);
    expect_near(mcnemar_exact(counts.only_first, counts.only_second), expected["mcnemar"]);
    expect_near(wilson_interval(counts.first_right(), counts.total()), expected["wilson"]);
    expect_near(difference_interval(counts), expected["tango"]);
    if (!expected.contains("ratio")) continue;
    expect_near(ratio_interval(counts), expected["ratio"]);
    for (const Json& at : expected["ratio_at"]) expect_near(ratio_statistic(counts, at[0]), at[1]);
  }
}

TEST(Proportions, ThatNeverDisagreedStillHaveAWidth) {
  const Interval difference = difference_interval({.both = 30, .neither = 20});
  EXPECT_NEAR(difference.high, 3.8414588 / (50 + 3.8414588), 1e-6);  // z²/(n + z²)
  EXPECT_NEAR(difference.low, -difference.high, 1e-12);
  const Interval ratio = ratio_interval({.both = 30, .neither = 20});
  EXPECT_NEAR(ratio.low, 30 / (30 + 3.8414588), 1e-6);  // x(1 − r) = z²·r
  EXPECT_NEAR(ratio.high, (30 + 3.8414588) / 30, 1e-6);
}

TEST(Proportions, TheStatisticsAreZeroAtWhatWasSeenAndSwapSides) {
  const PairCounts counts{70, 12, 5, 13}, swapped{70, 5, 12, 13};
  EXPECT_NEAR(difference_statistic(counts, -0.07), 0, 1e-12);
  EXPECT_NEAR(ratio_statistic(counts, 75.0 / 82), 0, 1e-12);
  EXPECT_NEAR(difference_interval(counts).low, -difference_interval(swapped).high, 1e-12);
  EXPECT_NEAR(ratio_interval(counts).low, 1 / ratio_interval(swapped).high, 1e-9);
  EXPECT_NEAR(ratio_statistic(counts, 1), -7 / std::sqrt(17), 1e-12);  // at 1 it is McNemar's without correction
  EXPECT_NEAR(difference_statistic(counts, 0), -7 / std::sqrt(17), 1e-12);
}

TEST(Proportions, OfNothingAreNoNumbers) {
  EXPECT_TRUE(std::isnan(difference_interval({}).low));
  EXPECT_TRUE(std::isnan(ratio_interval({.only_second = 3, .neither = 1}).low));
  EXPECT_TRUE(std::isnan(wilson_interval(0, 0).high));
  EXPECT_TRUE(std::isnan(PairCounts{}.discordant_share()));
}

TEST(ExamplesToSettle, GrowWithTheSquareOfWhatIsLacking) {
  EXPECT_EQ(examples_to_settle(1.959963984540054, 50, 0.95), 50);
  EXPECT_EQ(examples_to_settle(-1.959963984540054 / 2, 50, 0.95), 200);
  EXPECT_EQ(examples_to_settle(1.959963984540054, 100, 0.95, 0.8), 205);  // ((1.96 + 0.8416) / 1.96)² = 2.0433
  EXPECT_TRUE(std::isinf(examples_to_settle(0, 50, 0.95)));
}

TEST(SmallestVisibleDifference, EqualsConnorsFormula) {
  for (const Json& expected : recorded()["visible"]) expect_near(smallest_visible_difference(expected[0], expected[1]), expected[2]);
}

TEST(Holm, EqualsStatsmodels) {
  for (const Json& expected : recorded()["holm"]) {
    const Values adjusted = holm(expected[0].get<Values>());
    ASSERT_EQ(adjusted.size(), expected[1].size());
    for (std::size_t i = 0; i < adjusted.size(); ++i) expect_near(adjusted[i], expected[1][i], 1e-12);
  }
  EXPECT_EQ(holm(Values{0.01, 0.04, 0.03}), (Values{0.03, 0.06, 0.06}));
}

TEST(Holm, LeavesANumberThatIsNoneAloneAndCountsIt) {  // as statsmodels
  const Values adjusted = holm(Values{0.01, std::nan(""), 0.04, 0.02});
  EXPECT_EQ(adjusted[0], 0.04);
  EXPECT_TRUE(std::isnan(adjusted[1]));
  EXPECT_EQ(adjusted[2], 0.08);
  EXPECT_EQ(adjusted[3], 0.06);
}

std::vector<PairedStratum> strata_of(const Json& list) {
  std::vector<PairedStratum> strata;
  for (const Json& stratum : list) strata.push_back({stratum[0].get<Values>(), stratum[1].get<Values>()});
  return strata;
}

TEST(StratifiedDifference, EqualsTheTextbookAndStatsmodelsForOneStratum) {
  ASSERT_EQ(recorded()["differences"].size(), 3u);
  for (const Json& expected : recorded()["differences"]) {
    const std::vector<PairedStratum> strata = strata_of(expected["strata"]);
    const PairedDifference paired = stratified_difference(strata);
    expect_near(paired.difference, expected["difference"], 1e-12);
    expect_near(paired.standard_error, expected["error"], 1e-12);
    expect_near(paired.interval.low, expected["low"], 1e-12);
    expect_near(paired.interval.high, expected["high"], 1e-12);
    PairedStratum all;
    for (const PairedStratum& stratum : strata) {
      all.first.insert(all.first.end(), stratum.first.begin(), stratum.first.end());
      all.second.insert(all.second.end(), stratum.second.begin(), stratum.second.end());
    }
    expect_near(stratified_difference({{all}}).interval, expected["plain"]);
  }
}

TEST(StratifiedBootstrap, EqualsTheSameDrawsInPython) {
  for (const Json& expected : recorded()["differences"]) {
    const PairedBootstrap bootstrap = stratified_bootstrap(strata_of(expected["strata"]), 400, 11);
    expect_near(bootstrap.difference, expected["bootstrap"], 1e-12);
    expect_near(bootstrap.ratio, expected["bootstrap_ratio"], 1e-12);
  }
}

TEST(StratifiedBootstrap, AgreesWithTheNormalIntervalOnManyPairs) {
  PairedStratum stratum;
  for (int i = 0; i < 1000; ++i) {
    stratum.first.push_back(i % 5 != 0);
    stratum.second.push_back(i % 3 != 0);
  }
  const PairedDifference normal = stratified_difference({{stratum}});
  const Interval interval = stratified_bootstrap({{stratum}}, 2000, 7).difference;
  EXPECT_NEAR(interval.low, normal.interval.low, 0.005);
  EXPECT_NEAR(interval.high, normal.interval.high, 0.005);
}

TEST(StratifiedBootstrap, OfEqualPairsIsAPoint) {
  const Interval interval = stratified_bootstrap({{{{1, 0, 1}, {1, 0, 1}}}}, 10, 0).difference;
  EXPECT_EQ(interval.low, 0);
  EXPECT_EQ(interval.high, 0);
}

TEST(StratifiedMean, JoinsStrataOfOneExample) {
  const StratumSample one{1, 1, 0}, other{1, 0, 0}, many{4, 0.5, 1.0 / 3};
  // The two ones become a stratum of two: mean 1/2, variance 1/2.
  EXPECT_NEAR(stratified_mean({{one, other, many}}).standard_error, std::sqrt(1.0 / 9 * 0.5 / 2 + 4.0 / 9 * (1.0 / 3) / 4), 1e-12);
  // One left over: everything is one sample of 0, 0, 1, 1, 1.
  EXPECT_NEAR(stratified_mean({{one, many}}).value, 0.6, 1e-12);
  EXPECT_NEAR(stratified_mean({{one, many}}).standard_error, std::sqrt(0.3 / 5), 1e-12);
  EXPECT_TRUE(std::isnan(stratified_mean({{one}}).standard_error));
  EXPECT_TRUE(std::isnan(stratified_mean({}).value));
}

TEST(StratifiedMean, KeepsTheWeightsOfStrataOfOneExample) {
  const auto one = [](double mean, double weight) { return StratumSample{.count = 1, .mean = mean, .weight = weight}; };
  EXPECT_NEAR(stratified_mean({{one(1, 0.5), one(0, 0.25), one(0, 0.25)}}).value, 0.5, 1e-12);
  EXPECT_NEAR(stratified_mean({{one(1, 0.5), one(0, 0.25), one(0, 0.25)}}).standard_error, std::sqrt(1.0 / 3 / 3), 1e-12);
}

TEST(StratifiedMean, OfAWholePopulationIsCertain) {
  EXPECT_EQ(stratified_mean({{{10, 0.2, 0.16, 10}, {20, 0.4, 0.24, 20}}}).standard_error, 0);
  const Estimate half = stratified_mean({{{10, 0.2, 0.16, 20}, {10, 0.4, 0.24, 60}}});
  EXPECT_NEAR(half.value, 0.25 * 0.2 + 0.75 * 0.4, 1e-12);
  EXPECT_NEAR(half.standard_error, std::sqrt(0.0625 * 0.016 * 0.5 + 0.5625 * 0.024 * 50 / 60), 1e-12);
}

TEST(ReplicatedDifference, EqualsTheAnalysisOfVarianceOfStatsmodels) {
  for (const Json& expected : recorded()["replicated"]) {
    const ReplicatedDifference both = replicated_difference({expected["first"].get<Values>()}, expected["second"].get<Draws>(), expected["over_examples"]);
    expect_near(both.difference, expected["difference"]);
    expect_near(both.over_draws.standard_error, expected["over_draws"]);
    expect_near(both.over_both, expected["over_both"]);
    expect_near(both.both_freedom, expected["freedom"]);
    expect_near(t_interval(both.difference, both.over_draws.standard_error, both.draws_freedom), expected["draws_interval"]);
    expect_near(t_interval(both.difference, both.over_both, both.both_freedom), expected["both_interval"]);
  }
}

TEST(ReplicatedDifference, OfDrawsThatAgreeIsOverExamplesAlone) {
  const ReplicatedDifference same = replicated_difference({{1, 0, 1}}, {{1, 1, 0}, {1, 1, 0}}, 0.25);
  EXPECT_EQ(same.over_draws.standard_error, 0);
  EXPECT_EQ(same.over_both, 0.25);
  EXPECT_EQ(same.both_freedom, 2);
}

TEST(LogRatio, EqualsTheLinearisedRatioOfSums) {
  for (const Json& expected : recorded()["log_ratios"]) {
    const Estimate ratio = log_ratio(expected["first"].get<Values>(), expected["second"].get<Values>(), expected["weights"].get<Values>());
    expect_near(ratio.value, expected["value"]);
    expect_near(ratio.standard_error, expected["error"]);
  }
  EXPECT_TRUE(std::isnan(log_ratio({}, {}, {}).value));
}

}  // namespace
}  // namespace winnow
