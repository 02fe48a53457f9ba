#include "harness/core/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "harness/core/json.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using Values = std::vector<double>;

const Json& scipy() {
  static const Json recorded = parse_json(test::read_text(test::fixture("statistics/recorded.json")), "recorded.json");
  return recorded;
}

const Json& lm_eval() {
  static const Json recorded = parse_json(test::read_text(test::fixture("core/lm_eval_functions.json")), "lm_eval_functions.json");
  return recorded;
}

void expect_near(double value, const Json& recorded, double relative = 1e-12) {
  if (recorded.is_null()) {
    EXPECT_TRUE(std::isnan(value)) << value;
    return;
  }
  EXPECT_NEAR(value, recorded.get<double>(), relative * std::max(1e-300, std::abs(recorded.get<double>())));
}

TEST(Mean, OfSevenOnesAndThreeZeros) {
  const Values values{1, 1, 1, 1, 1, 1, 1, 0, 0, 0};
  EXPECT_DOUBLE_EQ(mean(values), 0.7);
  EXPECT_NEAR(mean_standard_error(values), 0.152753, 5e-7);
}

TEST(Mean, OfNothingAndTheErrorOfOneValueAreNoNumbers) {
  EXPECT_TRUE(std::isnan(mean(Values{})));
  EXPECT_TRUE(std::isnan(mean_standard_error(Values{})));
  EXPECT_TRUE(std::isnan(mean_standard_error(Values{1.0})));
  EXPECT_TRUE(std::isnan(median(Values{})));
  EXPECT_TRUE(std::isnan(quantile(Values{}, 0.5)));
}

TEST(Mean, EqualsLmEvalToTheLastDigit) {
  ASSERT_EQ(lm_eval()["mean_and_stderr"].size(), 40u);
  for (const Json& recorded : lm_eval()["mean_and_stderr"]) {
    const Values values = recorded[0];
    EXPECT_EQ(mean(values), recorded[1].get<double>());
    EXPECT_EQ(mean_standard_error(values), recorded[2].get<double>());
  }
}

TEST(PooledMean, OfThreeGroupsAsWrittenOut) {
  const GroupPart parts[] = {{.5, .02, 100}, {.6, .03, 200}, {.7, .01, 400}};
  EXPECT_DOUBLE_EQ(pooled_mean(parts), (50 + 120 + 280) / 700.0);
  EXPECT_NEAR(pooled_standard_error(parts), 0.0106885, 5e-8);
}

TEST(PooledMean, EqualsLmEvalToTheLastDigit) {
  ASSERT_EQ(lm_eval()["group"].size(), 40u);
  for (const Json& recorded : lm_eval()["group"]) {
    std::vector<GroupPart> parts;
    for (std::size_t i = 0; i < recorded["sizes"].size(); ++i) parts.push_back({recorded["means"][i], recorded["stderrs"][i], recorded["sizes"][i]});
    EXPECT_EQ(pooled_mean(parts), recorded["mean_weighted"].get<double>());
    EXPECT_EQ(pooled_standard_error(parts), recorded["pooled"].get<double>());
  }
}

TEST(PooledMean, OfGroupsOfOneHasNoError) {
  const GroupPart parts[] = {{1, 0, 1}, {0, 0, 1}};
  EXPECT_DOUBLE_EQ(pooled_mean(parts), 0.5);
  EXPECT_TRUE(std::isnan(pooled_standard_error(parts)));
  EXPECT_TRUE(std::isnan(pooled_mean({})));
}

TEST(McnemarExact, ByHand) {
  EXPECT_DOUBLE_EQ(mcnemar_exact(0, 6), 2.0 / 64);
  EXPECT_DOUBLE_EQ(mcnemar_exact(1, 2), 1);
  EXPECT_DOUBLE_EQ(mcnemar_exact(1, 4), 2 * (1 + 5) / 32.0);
  EXPECT_EQ(mcnemar_exact(0, 0), 1);
  EXPECT_THROW(mcnemar_exact(-1, 2), std::logic_error);
}

TEST(McnemarExact, EqualsScipy) {
  for (const Json& recorded : scipy()["mcnemar"]) expect_near(mcnemar_exact(recorded[0], recorded[1]), recorded[2], 1e-9);
}

TEST(Summary, EqualsScipyAndNumpy) {
  for (const Json& recorded : scipy()["samples"]) {
    const Values values = recorded["values"];
    expect_near(mean(values), recorded["mean"]);
    if (recorded["sem"] != 0) expect_near(mean_standard_error(values), recorded["sem"], 1e-9);
    EXPECT_EQ(median(values), recorded["median"].get<double>());
    for (const Json& at : recorded["quantiles"]) expect_near(quantile(values, at[0]), at[1], 1e-14);
  }
  EXPECT_EQ(mean_standard_error(Values(6, -5.5)), 0);
}

TEST(PairedDifference, EqualsScipy) {
  for (const Json& recorded : scipy()["paired"]) {
    const PairedDifference paired = paired_difference(recorded["first"].get<Values>(), recorded["second"].get<Values>(), recorded["level"]);
    expect_near(paired.difference, recorded["difference"], 1e-10);
    expect_near(paired.standard_error, recorded["error"], 1e-10);
    expect_near(paired.interval.low, recorded["low"], 1e-10);
    expect_near(paired.interval.high, recorded["high"], 1e-10);
  }
}

TEST(PairedDifference, IsFirstMinusSecondAndWantsPairs) {
  EXPECT_EQ(paired_difference(Values{1, 1, 0}, Values{0, 1, 0}).difference, 1.0 / 3);
  EXPECT_THROW(paired_difference(Values{1}, Values{1, 0}), std::logic_error);
}

TEST(Quantiles, OfANumberThatIsNoneAreNone) {
  const double none = std::nan("");
  EXPECT_TRUE(std::isnan(median(Values{1, none, 3})));
  EXPECT_TRUE(std::isnan(quantile(Values{1, none, 3}, 0)));
  Values many;  // enough for a sort that trusts its order to leave the list
  for (int i = 0; i < 500; ++i) many.push_back(i % 3 == 0 ? none : i);
  EXPECT_TRUE(std::isnan(median(many)));
}

}  // namespace
}  // namespace winnow
