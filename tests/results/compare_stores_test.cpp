#include "results/compare_stores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "results/comparison_report.h"
#include "tests/results/graded_store.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using test::GradedTrial;
using testing::HasSubstr;
using testing::Not;

class CompareStores : public testing::Test {
 protected:
  void add(const std::string& file, const GradedTrial& trial) const {
    Store store = Store::open(folder_ / file);
    test::add_trial(store, trial);
  }
  ComparisonReport compare(const std::vector<std::string>& files, const std::string& first, const std::string& second,
                           const std::vector<std::string>& tasks = {}) const {
    std::vector<Store> stores;
    for (const std::string& file : files) stores.push_back(Store::open_read_only(folder_ / file));
    return compare_stores(stores, {.first = first, .second = second, .tasks = tasks});
  }
  test::TemporaryFolder folder_;
};

TEST_F(CompareStores, PairsTrialsOfDifferentStores) {
  const auto [dense, pruned] = test::paired_grades(6, 3, 1, 2);
  add("a.sqlite", {"dense", {{"gsm8k", dense}}});
  add("b.sqlite", {"frequency", {{"gsm8k", pruned}}});
  const ComparisonReport report = compare({"a.sqlite", "b.sqlite"}, "dense", "frequency");
  ASSERT_EQ(report.scores.size(), 1u);
  EXPECT_EQ(report.scores[0].counts->only_first, 3);
  EXPECT_EQ(report.scores[0].counts->only_second, 1);
  EXPECT_EQ(report.scores[0].model, "tiny");
  EXPECT_NEAR(*report.scores[0].ratio, 7.0 / 9, 1e-12);
  const std::string text = comparison_markdown(report, SubjectDetail::kShown);
  EXPECT_THAT(text, HasSubstr("## dense → frequency on tiny"));
  EXPECT_THAT(text, HasSubstr("| gsm8k (acc) | 12 | 0.7500 | 0.5833 | -0.1667 (-0.4933 … +0.1600) | 3 / 1 |"));
  EXPECT_THAT(text, HasSubstr("| 3 / 1 | 0.6250 (0.6250) | 0.7778 ("));
  EXPECT_THAT(text, HasSubstr("2000 resamples of the pairs, within subjects, seed 1234"));
  const Json json = parse_json(comparison_json(report), "report");
  EXPECT_EQ(json["scores"][0]["counts"]["only_first"], 3);
  EXPECT_EQ(json["scores"][0]["p"], 0.625);
  EXPECT_TRUE(json["how"].contains("difference"));
}

TEST_F(CompareStores, SaysWhichSideIsNotOurEngine) {
  add("a.sqlite", {.variant = "dense", .grades = {{"gsm8k", {1, 0, 1}}}});
  add("a.sqlite", {.variant = "dense", .grades = {{"gsm8k", {1, 0, 0}}}, .model = "awq", .served = {{"server", "vllm"}, {"version", "0.9.9"}}});
  const ComparisonReport report = compare({"a.sqlite"}, "tiny/dense", "awq/dense");
  ASSERT_EQ(report.scores.size(), 1u);
  EXPECT_THAT(report.scores[0].notes, testing::Contains(testing::MatchesRegex(".*awq.* is not our engine: answered by vllm 0.9.9")));
  EXPECT_THAT(report.scores[0].notes, Not(testing::Contains(HasSubstr("tiny"))));
}

TEST_F(CompareStores, ACostIsNoMetricOfTheAnswers) {
  for (const char* variant : {"dense", "frequency"})
    add("a.sqlite", {.variant = variant, .grades = {{"gsm8k", {1, 0, 1}}}, .more = {{.name = "peak_bytes", .filter = "other", .value = 5, .unit = "bytes"}}});
  std::vector<Store> stores;
  stores.push_back(Store::open_read_only(folder_ / "a.sqlite"));
  EXPECT_ERROR(compare_stores(stores, {.first = "dense", .second = "frequency", .tasks = {}, .metric = MetricChoice{"peak_bytes", ""}}), kInput,
               "the answers hold no 'peak_bytes' that examples could be compared by");
}

TEST_F(CompareStores, AnIdentityThatNobodyOfOursWroteHasNoSettings) {
  add("a.sqlite", {.variant = "dense", .grades = {{"gsm8k", {1, 0, 1}}}, .settings = Json::array({1, 2})});
  add("a.sqlite", {.variant = "frequency", .grades = {{"gsm8k", {1, 0, 0}}}, .settings = 7});
  EXPECT_EQ(compare({"a.sqlite"}, "dense", "frequency").scores.size(), 1u);
}

TEST_F(CompareStores, APerplexityThatIsNoneLeavesTheOtherPValues) {
  const auto [dense, pruned] = test::paired_grades(6, 9, 1, 2);
  for (const char* task : {"arc", "gsm8k"}) {
    add("a.sqlite", {.variant = "dense", .grades = {{task, dense}}, .task = task});
    add("a.sqlite", {.variant = "frequency", .grades = {{task, pruned}}, .task = task});
  }
  add("a.sqlite", {.variant = "dense", .grades = {{"wiki", {2}}}, .task = "wiki"});
  add("a.sqlite", {.variant = "frequency", .grades = {{"wiki", {3}}}, .task = "wiki"});
  const ComparisonReport report = compare({"a.sqlite"}, "dense", "frequency");
  ASSERT_EQ(report.scores.size(), 3u);
  EXPECT_NEAR(report.scores[0].p, 0.021484375, 1e-12);
  EXPECT_NEAR(report.scores[0].holm_p, 3 * 0.021484375, 1e-12);
  EXPECT_NEAR(report.scores[1].holm_p, 3 * 0.021484375, 1e-12);
  EXPECT_TRUE(std::isnan(report.scores[2].holm_p));  // of one example
}

TEST_F(CompareStores, RefusesTrialsThatWereAskedInOtherWords) {
  add("a.sqlite", {"dense", {{"gsm8k", {1, 0, 1}}}});
  add("a.sqlite", {.variant = "frequency", .grades = {{"gsm8k", {1, 0, 1}}}, .prompt = "Question: ", .settings = {{"shots", 8}}});
  EXPECT_ERROR_HAS(compare({"a.sqlite"}, "dense", "frequency"), kInput, "frequency against dense on gsm8k: the prompts of 3 of 3 common examples differ");
}

TEST_F(CompareStores, TakesReplicatesTogetherAndCorrectsOverTheFamily) {
  const auto [dense, pruned] = test::paired_grades(10, 8, 1, 5);
  for (const char* task : {"gsm8k", "arc"}) {
    add("a.sqlite", {.variant = "dense", .grades = {{task, dense}}, .task = task});
    add("a.sqlite", {.variant = "frequency seed=1", .grades = {{task, pruned}}, .task = task});
    add("a.sqlite", {.variant = "frequency seed=2", .grades = {{task, pruned}}, .task = task});
    add("a.sqlite", {.variant = "random", .grades = {{task, pruned}}, .task = task});
  }
  const ComparisonReport one = compare({"a.sqlite"}, "dense", "frequency", {"gsm8k"});
  ASSERT_EQ(one.scores.size(), 1u);
  EXPECT_EQ(one.scores[0].draws->second_draws, 2u);
  EXPECT_THAT(comparison_markdown(one, SubjectDetail::kHidden), HasSubstr("with 1 and 2 calibration draws: these items"));
  const ComparisonReport all = compare({"a.sqlite"}, "dense", "all");
  ASSERT_EQ(all.scores.size(), 4u);
  EXPECT_EQ(all.scores[2].second_label, "random");
  EXPECT_GT(all.scores[2].holm_p, all.scores[2].p);
  EXPECT_FALSE(compare({"a.sqlite"}, "dense", "frequency seed=2").scores[0].draws);
}

TEST_F(CompareStores, OfACellRunTwiceIsANoiseFloor) {
  const auto [dense, again] = test::paired_grades(6, 1, 1, 4);
  add("a.sqlite", {"dense", {{"gsm8k", dense}}});
  add("b.sqlite", {"dense", {{"gsm8k", again}}});
  add("a.sqlite", {"random", {{"gsm8k", again}}});
  EXPECT_EQ(compare({"a.sqlite", "b.sqlite"}, "dense", "dense").scores[0].counts->only_second, 1);
  const ComparisonReport report = compare({"a.sqlite", "b.sqlite"}, "dense", "random");
  ASSERT_TRUE(report.scores[0].noise);
  EXPECT_EQ(report.scores[0].noise->flips, 2);
  EXPECT_THAT(comparison_markdown(report, SubjectDetail::kHidden), HasSubstr("2 of 12 answers flipped in 1 A/A pair"));
  EXPECT_ERROR(compare({"a.sqlite"}, "dense", "dense"), kUsage, "dense against dense on gsm8k: both names mean one trial; name two, or two stores that ran it");
}

TEST_F(CompareStores, ComparesWhatBothWereAskedUnderOtherLimits) {
  const auto [dense, pruned] = test::paired_grades(60, 5, 3, 32);
  add("a.sqlite", {.variant = "dense", .grades = {{"gsm8k", dense}}, .settings = {{"limit", nullptr}}});
  add("a.sqlite", {.variant = "random", .grades = {{"gsm8k", {pruned.begin(), pruned.begin() + 50}}}, .settings = {{"limit", 50}}});
  const ComparisonReport report = compare({"a.sqlite"}, "dense", "random");
  EXPECT_EQ(report.scores[0].pairs, 50);
  EXPECT_EQ(report.scores[0].only_first, 50);
  EXPECT_THAT(comparison_markdown(report, SubjectDetail::kHidden), HasSubstr("setting limit: null against 50"));
}

TEST_F(CompareStores, KnowsWhomNamesMean) {
  add("a.sqlite", {"dense", {{"gsm8k", {1, 0}}}});
  add("a.sqlite", {"random", {{"gsm8k", {1, 1}}}});
  add("a.sqlite", {.variant = "dense", .grades = {{"gsm8k", {0, 0}}}, .model = "other"});
  EXPECT_EQ(compare({"a.sqlite"}, "dense", "random").scores.size(), 1u);
  EXPECT_EQ(compare({"a.sqlite"}, "tiny", "other").scores[0].second_label, "other/dense");
  EXPECT_EQ(compare({"a.sqlite"}, "other/dense", "tiny/random").scores[0].first_label, "other/dense");
  EXPECT_ERROR(compare({"a.sqlite"}, "dense", "randon"), kUsage,
               "no variant or model is named 'randon' (did you mean 'random'?); there are: dense, random, other, tiny");
  EXPECT_ERROR(compare({"a.sqlite"}, "dense", "random", {"gsm9k"}), kUsage, "no trial is of a task 'gsm9k' (did you mean 'gsm8k'?); there are: gsm8k");
}

TEST_F(CompareStores, AMetricThatNoTaskHasIsRefused) {
  add("a.sqlite", {"dense", {{"gsm8k", {1, 0}}}});
  add("a.sqlite", {"random", {{"gsm8k", {1, 1}}}});
  std::vector<Store> stores;
  stores.push_back(Store::open_read_only(folder_ / "a.sqlite"));
  EXPECT_ERROR(compare_stores(stores, {.first = "dense", .second = "random", .metric = MetricChoice{"acd", ""}}), kUsage,
               "no task has the metric 'acd' (did you mean 'acc'?); there are: acc");
}

TEST_F(CompareStores, WhatTheMachineDidIsNoCostForEyes) {
  const std::vector<Metric> more{{.name = "clock_before", .value = 2596.122, .unit = "MHz"}, {.name = "peak_bytes", .value = 7 << 20, .unit = "bytes"}};
  for (const char* variant : {"dense", "random"}) add("a.sqlite", {.variant = variant, .grades = {{"gsm8k", {1, 0}}}, .more = more});
  const ComparisonReport report = compare({"a.sqlite"}, "dense", "random");
  const std::string text = comparison_markdown(report, SubjectDetail::kHidden);
  EXPECT_THAT(text, HasSubstr("| peak_bytes | 7.0 MiB | 7.0 MiB | 1.0000 |"));
  EXPECT_THAT(text, Not(HasSubstr("clock_before")));
  EXPECT_THAT(text, HasSubstr("in `--format csv`"));
  EXPECT_THAT(comparison_csv(report), HasSubstr("clock_before"));
}

TEST_F(CompareStores, TasksAreNamedByTheirLabelOrTheirName) {
  for (const char* variant : {"dense", "random"}) {
    add("a.sqlite", {.variant = variant, .grades = {{"gsm8k", {1, 0}}}, .label = "demo_gsm8k"});
    add("a.sqlite", {.variant = variant, .grades = {{"arc", {1, 0}}}, .task = "arc"});
  }
  for (const char* name : {"gsm8k", "demo_gsm8k"}) {
    const ComparisonReport report = compare({"a.sqlite"}, "dense", "random", {name});
    ASSERT_EQ(report.scores.size(), 1u) << name;
    EXPECT_EQ(report.scores[0].task_label, "demo_gsm8k");
  }
}

TEST_F(CompareStores, SaysWhatIsMissing) {
  add("a.sqlite", {"dense", {{"gsm8k", {1, 0}}}});
  {
    Store store = Store::open(folder_ / "a.sqlite");
    store.finish(store.begin(test::cell_of({"random", {}}), {}).id, {TrialStatus::kFailed, "out of | memory", {}, {}});
  }
  const std::string text = comparison_markdown(compare({"a.sqlite"}, "dense", "random"), SubjectDetail::kHidden);
  EXPECT_THAT(text, HasSubstr("No scores to compare."));
  EXPECT_THAT(text, HasSubstr("- tiny · random · gsm8k: failed: out of \\| memory"));
}

TEST_F(CompareStores, CsvHasAsManyFieldsInEveryLine) {
  const auto [dense, pruned] = test::paired_grades(6, 3, 1, 2);
  const Metric peak{.name = "peak_bytes", .value = 7, .unit = "bytes"};
  add("a.sqlite", {.variant = "dense", .grades = {{"mmlu_a", dense}, {"mmlu_b", {1, 0}}}, .task = "mmlu", .more = {peak}});
  add("a.sqlite", {.variant = "=random,", .grades = {{"mmlu_a", pruned}, {"mmlu_b", {0, 0}}}, .task = "mmlu", .more = {peak}});
  add("a.sqlite", {.variant = "=random, seed=2", .grades = {{"mmlu_a", pruned}, {"mmlu_b", {0, 1}}}, .task = "mmlu", .more = {peak}});
  for (const char* second : {"=random,", "=random, seed=2"}) {
    const std::string csv = comparison_csv(compare({"a.sqlite"}, "dense", second));
    std::size_t lines = 0, commas = 0;
    bool quoted = false;
    for (const char c : csv) {
      if (c == '"') quoted = !quoted;
      if (c == ',' && !quoted) ++commas;
      if (c != '\n') continue;
      EXPECT_EQ(commas, 35u) << csv;
      commas = 0;
      ++lines;
    }
    EXPECT_EQ(lines, 5u) << csv;
    EXPECT_THAT(csv, HasSubstr("\"'=random,"));
  }
}

TEST(Sides, ReplicatesAreNamedByTheirSeed) {
  EXPECT_EQ(replicated_label("frequency seed=12"), "frequency");
  EXPECT_EQ(replicated_label("frequency seed="), "");
  EXPECT_EQ(replicated_label("frequency"), "");
  EXPECT_EQ(replicated_label(" seed=1"), "");
}

}  // namespace
}  // namespace winnow
