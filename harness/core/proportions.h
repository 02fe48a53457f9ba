#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "harness/core/statistics.h"

namespace winnow {

// What two models did on the same right-or-wrong examples.
struct PairCounts {
  std::int64_t both = 0, only_first = 0, only_second = 0, neither = 0;
  std::int64_t total() const { return both + only_first + only_second + neither; }
  std::int64_t first_right() const { return both + only_first; }
  std::int64_t second_right() const { return both + only_second; }
  double discordant_share() const;  // of no pairs: NaN
};

// z of a two-sided interval at the level: 1.96 for 0.95.
double normal_reach(double level);

// Share of right answers against one that is given: Wilson's score statistic (p − p0) / √(p0(1−p0)/n), and the interval of all p0 it does not refuse.
double wilson_statistic(std::int64_t right, std::int64_t count, double share);
Interval wilson_interval(std::int64_t right, std::int64_t count, double level = 0.95);

// Difference of the shares, second − first: the score statistic under a given difference and its interval (Tango 1998). Unlike the normal
// interval it keeps a width where no pair is discordant. The statistic falls as `difference` rises.
double difference_statistic(const PairCounts& counts, double difference);
Interval difference_interval(const PairCounts& counts, double level = 0.95);

// Variance of such a difference for two discordant pairs that nobody saw, one each way (Bonett and Price 2012): to be added where a normal interval decides,
// since no difference among 50 is not certainty.
double unseen_variance(double pairs);

// Ratio of the shares, second / first (retention): the score statistic under a given ratio (Nam and Blackwelder 2002) and its interval.
// The interval is NaN where the first was never right.
double ratio_statistic(const PairCounts& counts, double ratio);
Interval ratio_interval(const PairCounts& counts, double level = 0.95);

// How many examples would bring |statistic| from what `count` examples gave to the reach of `level`, were the shares to stay as seen: in one run
// of two; with `power` 0.8 in four of five. Infinite where the statistic is 0.
double examples_to_settle(double statistic, double count, double level, double power = 0.5);

// The smallest true difference that a McNemar test at 1 − level shows with this power, were this share of the pairs discordant (Connor 1987).
// More than 1 where nothing can be shown.
double smallest_visible_difference(double discordant_share, std::int64_t pairs, double level = 0.95, double power = 0.8);

// Holm's adjusted p values, in the order given. One that is no number counts as a test that shows nothing, and stays none.
std::vector<double> holm(std::span<const double> p_values);

}  // namespace winnow
