#include "harness/app/progress.h"

#include <gtest/gtest.h>

namespace winnow {
namespace {

TEST(Progress, WritesCountsAndTimesAsPeopleReadThem) {
  EXPECT_EQ(shown_count(0), "0");
  EXPECT_EQ(shown_count(999), "999");
  EXPECT_EQ(shown_count(1000), "1,000");
  EXPECT_EQ(shown_count(1234567), "1,234,567");
  EXPECT_EQ(shown_count(-1000), "-1,000");
  EXPECT_EQ(shown_seconds(59.4), "59 s");
  EXPECT_EQ(shown_seconds(190), "3 min 10 s");
  EXPECT_EQ(shown_seconds(7500), "2 h 5 min");
}

TEST(Progress, TellsRateScoreAndTimeLeft) {
  SweepProgress progress{.cells_done = 1, .cells_total = 4, .examples_done = 10, .examples_total = 40};
  progress.score = Metric{.name = "exact_match", .filter = "strict-match", .value = 0.45};
  const Rate rate{.seconds_in_cell = 20, .examples_this_run = 10, .tokens_this_run = 24680, .seconds_per_other_cell = 30};
  EXPECT_EQ(status_text(progress, rate), "10/40 examples, about 2 min 0 s left, 1,234 tokens/s, exact_match,strict-match 0.4500 so far");
}

TEST(Progress, TellsBytesAndCountsAsSuch) {
  SweepProgress progress{.cells_total = 1, .examples_total = 1};
  progress.score = Metric{.name = "stored_bytes", .filter = "none", .value = 23413632, .unit = "bytes"};
  EXPECT_EQ(status_text(progress, {}), "0/1 examples, stored_bytes 22.3 MiB so far");
}

TEST(Progress, CountsOnlyThisRunsExamplesAfterAResume) {
  const SweepProgress progress{.cells_done = 0, .cells_total = 1, .examples_done = 35, .examples_total = 40};
  EXPECT_EQ(status_text(progress, {.seconds_in_cell = 10, .examples_this_run = 5}), "35/40 examples, about 10 s left");
}

TEST(Progress, SaysNothingOfTimeBeforeTheFirstAnswer) {
  EXPECT_EQ(status_text({.cells_total = 1, .examples_total = 40}, {.seconds_in_cell = 1}), "0/40 examples");
}

}  // namespace
}  // namespace winnow
