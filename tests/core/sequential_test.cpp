#include "harness/core/sequential.h"

#include <gtest/gtest.h>

#include <cmath>

#include "harness/core/json.h"
#include "harness/core/python_random.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using Values = std::vector<double>;

TEST(SpentError, ReachesAllOfItInTheEnd) {
  for (const Spending spending : {Spending::kPocock, Spending::kObrienFleming}) {
    EXPECT_NEAR(spent_error(spending, 1, 0.05), 0.05, 1e-15);
    EXPECT_LT(spent_error(spending, 0.3, 0.05), 0.05);
  }
  EXPECT_LT(spent_error(Spending::kObrienFleming, 0.1, 0.05), 1e-10);
}

// The boundaries that are printed for five even looks at 5 %, from coarser integration.
TEST(LookBoundaries, OfFiveEvenLooks) {
  const double published[2][5] = {{2.4380, 2.4268, 2.4101, 2.3966, 2.3859}, {4.8769, 3.3569, 2.6803, 2.2898, 2.0310}};
  for (const Spending spending : {Spending::kPocock, Spending::kObrienFleming}) {
    Values shares, errors;
    for (int look = 1; look <= 5; ++look) {
      shares.push_back(look / 5.0);
      errors.push_back(spent_error(spending, look / 5.0, 0.05));
    }
    const Values boundaries = look_boundaries(shares, errors);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(boundaries[i], published[spending == Spending::kPocock ? 0 : 1][i], 2e-4);
  }
}

TEST(LookBoundaries, EqualAnIndependentIntegration) {
  const Json recorded = parse_json(test::read_text(test::fixture("statistics/recorded_sequential.json")), "recorded_sequential.json");
  ASSERT_EQ(recorded["cases"].size(), 8u);
  for (const Json& expected : recorded["cases"]) {
    const Spending spending = expected["spending"] == "pocock" ? Spending::kPocock : Spending::kObrienFleming;
    const Values boundaries = look_boundaries(expected["information"].get<Values>(), expected["errors"].get<Values>());
    for (std::size_t i = 0; i < boundaries.size(); ++i) {
      if (expected["boundaries"][i].is_null())
        EXPECT_TRUE(std::isinf(boundaries[i]));
      else
        EXPECT_NEAR(boundaries[i], expected["boundaries"][i].get<double>(), 1e-9);
    }
    if (expected["information"].back() == 1.0) EXPECT_NEAR(spent_error(spending, 1, 0.05), expected["errors"].back().get<double>(), 1e-15);
  }
}

TEST(LookBoundaries, OfOneLookIsTheFixedTest) { EXPECT_NEAR(look_boundaries(Values{3}, Values{0.05})[0], 1.959963984540054, 1e-12); }

TEST(AnyTimeInterval, HoldsTheMeanAtEveryMomentAndEndsOnIt) {
  int missed = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    PythonRandom random(seed);
    Values population(800);
    double sum = 0;
    for (double& value : population) {
      const double u = random.uniform();
      value = u < 0.12 ? -1 : u < 0.2 ? 1 : 0;
      sum += value;
    }
    AnyTimeInterval interval(800, 0.9);
    bool held = true;
    for (const double value : population) {
      interval.add(value);
      const Interval now = interval.interval();
      held = held && now.low <= sum / 800 + 1e-12 && now.high >= sum / 800 - 1e-12;
    }
    missed += !held;
    EXPECT_NEAR(interval.interval().low, sum / 800, 1e-9);
    EXPECT_NEAR(interval.interval().high, sum / 800, 1e-9);
    EXPECT_NEAR(interval.estimate(), sum / 800, 1e-12);
  }
  EXPECT_LE(missed, 6);
}

TEST(AnyTimeInterval, NarrowsWithWhatItSees) {
  AnyTimeInterval interval(100000, 0.95);
  for (int i = 0; i < 2000; ++i) interval.add(i % 10 == 0 ? -1 : 0);
  const Interval now = interval.interval();
  EXPECT_LT(now.high - now.low, 0.12);
  EXPECT_LT(now.low, -0.1);
  EXPECT_GT(now.high, -0.1);
}

}  // namespace
}  // namespace winnow
