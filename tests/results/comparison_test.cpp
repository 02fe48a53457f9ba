#include "results/comparison.h"

#include <gtest/gtest.h>

#include <cmath>

#include "harness/core/proportions.h"
#include "results/cost_comparison.h"
#include "tests/support/errors.h"

namespace winnow {
namespace {

Outcome outcome_of(Question question, SharedValues values) { return {std::make_shared<const Question>(std::move(question)), std::move(values)}; }

std::vector<Outcome> graded(const std::vector<double>& grades, const std::string& leaf = "gsm8k", const std::string& prompt = "p") {
  std::vector<Outcome> outcomes;
  for (const double grade : grades) {
    const auto doc_id = static_cast<std::int64_t>(outcomes.size());
    outcomes.push_back(outcome_of({leaf, doc_id, leaf + std::to_string(doc_id), prompt + std::to_string(doc_id), "a"}, {{"acc", grade}}));
  }
  return outcomes;
}

ScoreComparison compare(const std::vector<std::vector<Outcome>>& first, const std::vector<std::vector<Outcome>>& second) {
  const Grade grade{Grade::Kind::kMean, "acc", ""};
  return compare_scores(pair_outcomes(first, second, grade, "b against a"), grade, {});
}

TEST(Comparison, CountsDiscordantPairsAndTheirExactP) {
  const ScoreComparison score = compare({graded({1, 1, 1, 1, 1, 1, 0, 0})}, {graded({0, 0, 0, 0, 0, 0, 0, 0})});
  EXPECT_EQ(score.pairs, 8);
  EXPECT_EQ(score.counts->only_first, 6);
  EXPECT_EQ(score.counts->only_second, 0);
  EXPECT_DOUBLE_EQ(score.p, 0.03125);
  EXPECT_EQ(score.p_from, "exact McNemar");
  EXPECT_DOUBLE_EQ(score.difference.difference, -0.75);
  EXPECT_LT(score.bootstrap.high, 0);
  EXPECT_LT(score.score->high, 0);
  EXPECT_EQ(score.ratio, 0);
  EXPECT_EQ(score.subjects.size(), 0u);
}

TEST(Comparison, PairsByDocumentAndCountsTheRest) {
  std::vector<Outcome> first = graded({1, 0, 1}), second = graded({1, 0});
  second.push_back(outcome_of({"gsm8k", 9, "gsm8k9", "p9", "a"}, {{"acc", 1}}));
  const ScoreComparison score = compare({first}, {second});
  EXPECT_EQ(score.pairs, 2);
  EXPECT_EQ(score.only_first, 1);
  EXPECT_EQ(score.only_second, 1);
  EXPECT_EQ(compare({first}, {{}}).pairs, 0);
}

TEST(Comparison, RefusesPromptsThatDiffer) {
  std::vector<Outcome> other = graded({1, 0, 1});
  other[1] = outcome_of({"gsm8k", 1, "gsm8k1", "else", "a"}, {{"acc", 0}});
  EXPECT_ERROR(
      compare({graded({1, 1, 1})}, {other}), kInput,
      "b against a: the prompts of 1 of 3 common examples differ, first gsm8k document 1; compare trials with the same shots, seed and prompt settings");
  other[1] = graded({1, 0})[1];
  other[2] = outcome_of({"gsm8k", 2, "else", "p2", "a"}, {{"acc", 1}});
  EXPECT_ERROR(compare({graded({1, 1, 1})}, {other}), kInput,
               "b against a: 1 of 3 common examples are other rows of data, first gsm8k document 2; compare trials over the same data files");
}

TEST(Comparison, StratifiesBySubjectAndTellsEach) {
  std::vector<Outcome> first = graded({1, 1, 1, 1}, "mmlu_a"), second = graded({1, 1, 1, 0}, "mmlu_a");
  for (const Outcome& outcome : graded({0, 0}, "mmlu_b")) first.push_back(outcome);
  for (const Outcome& outcome : graded({1, 1}, "mmlu_b")) second.push_back(outcome);
  const ScoreComparison score = compare({first}, {second});
  ASSERT_EQ(score.subjects.size(), 2u);
  EXPECT_EQ(score.subjects[0].name, "mmlu_a");
  EXPECT_DOUBLE_EQ(score.subjects[0].difference.difference, -0.25);
  EXPECT_EQ(score.subjects[1].counts->only_second, 2);
  EXPECT_EQ(score.subjects[1].p, 0.5);
  EXPECT_EQ(score.subjects[1].holm_p, 1);
  EXPECT_DOUBLE_EQ(score.difference.difference, (-1 + 2) / 6.0);
  // Of subject a: variance 1/4 over 4 examples that weigh 4/6; subject b does not vary.
  EXPECT_NEAR(score.difference.standard_error, std::sqrt(16.0 / 36 * 0.25 / 4), 1e-12);
}

TEST(Comparison, WithSeveralDrawsHasTwoMoreIntervals) {
  const std::vector<double> dense{1, 1, 0, 1, 0, 1, 1, 0}, one{1, 0, 0, 1, 0, 1, 1, 0}, two{0, 0, 0, 1, 0, 1, 0, 1}, three{1, 0, 0, 0, 0, 0, 1, 0};
  const ScoreComparison score = compare({graded(dense)}, {graded(one), graded(two), graded(three)});
  ASSERT_TRUE(score.draws);
  EXPECT_EQ(score.draws->second_draws, 3u);
  EXPECT_FALSE(score.counts);
  EXPECT_NEAR(score.second, (4 + 3 + 2) / 24.0, 1e-12);
  EXPECT_EQ(score.p_from, "t over examples and draws");
  // Draw means 4/8, 3/8, 2/8: standard deviation 1/8.
  EXPECT_NEAR(score.draws->these_items_error, 0.125 / std::sqrt(3), 1e-12);
  EXPECT_GE(score.draws->items_and_draws_error, score.difference.standard_error);
}

TEST(Comparison, OfPerplexitiesIsOfTheirLogarithms) {
  std::vector<Outcome> first, second;
  for (int i = 0; i < 5; ++i) {
    const std::string n = std::to_string(i);
    first.push_back(outcome_of({"wikitext", i, n, n, "a"}, {{"log_likelihood", -100.0 - i}, {"words", 50}, {"bytes", 300}}));
    second.push_back(outcome_of({"wikitext", i, n, n, "a"}, {{"log_likelihood", -110.0 - i}, {"words", 50}, {"bytes", 300}}));
  }
  Metric metric{.name = "word_perplexity", .value = 0, .unit = "perplexity"};
  const Grade grade = grade_of(metric, first);
  EXPECT_EQ(grade.weight, "words");
  const ScoreComparison score = compare_scores(pair_outcomes({{first}}, {{second}}, grade, ""), grade, {});
  EXPECT_NEAR(score.first, std::exp(510 / 250.0), 1e-12);
  EXPECT_NEAR(*score.ratio, std::exp(0.2), 1e-12);
  EXPECT_NEAR(score.ratio_interval.low, std::exp(0.2), 1e-12);  // every document moved alike
  metric.name = "acc_norm";
  EXPECT_ERROR(grade_of(metric, first), kInput, "the answers hold no 'acc_norm' that examples could be compared by");
  EXPECT_ERROR_HAS(grade_of(metric, std::vector<Outcome>{}), kInput, "the answers hold no 'acc_norm'");
}

TEST(Comparison, OfAnAverageOfTasksLetsEachTaskWeighAlike) {
  std::vector<Outcome> first = graded({1, 1, 1, 0}, "arc"), second = graded({1, 1, 0, 0}, "arc");
  for (const Outcome& outcome : graded({0, 1}, "rte")) first.push_back(outcome);
  for (const Outcome& outcome : graded({1, 1}, "rte")) second.push_back(outcome);
  const Grade grade{Grade::Kind::kMean, "acc", ""};
  PairedOutcomes paired = pair_outcomes({{first}}, {{second}}, grade, "");
  Trial trial;
  trial.cell.task = "lu_average";
  trial.metrics = {{.name = "acc", .value = 0.625, .count = 6},
                   {.name = "acc", .value = 0.75, .count = 4, .leaf = "arc", .parent = "lu_average"},
                   {.name = "acc", .value = 0.5, .count = 2, .leaf = "rte", .parent = "lu_average"}};
  weigh_leaves(paired, trial, trial.metrics.front());
  const ScoreComparison score = compare_scores(paired, grade, {});
  EXPECT_DOUBLE_EQ(score.first, 0.625);
  EXPECT_DOUBLE_EQ(score.second, 0.75);
  EXPECT_NEAR(score.difference.difference, 0.125, 1e-12);
  EXPECT_NEAR(score.difference.standard_error, std::sqrt(0.25 * 0.25 / 4 + 0.25 * 0.5 / 2), 1e-12);
  EXPECT_FALSE(score.score);              // Tango's interval knows no weights
  trial.metrics.front().value = 4 / 6.0;  // a mean over examples leaves leaves as they are
  PairedOutcomes plain = pair_outcomes({{first}}, {{second}}, grade, "");
  weigh_leaves(plain, trial, trial.metrics.front());
  EXPECT_EQ(plain.leaves[0].weight, 0);
}

TEST(Noise, FlipsOfACellRunAgain) {
  const Grade grade{Grade::Kind::kMean, "acc", ""};
  NoiseFloor floor;
  add_noise(floor, pair_outcomes({{graded({1, 1, 0, 0})}}, {{graded({1, 0, 1, 0})}}, grade, ""));
  add_noise(floor, pair_outcomes({{graded({1, 1, 0, 0})}}, {{graded({1, 1, 0, 0})}}, grade, ""));
  conclude_noise(floor, 0.95);
  EXPECT_EQ(floor.trial_pairs, 2u);
  EXPECT_EQ(floor.flips, 2);
  EXPECT_NEAR(floor.reach, 1.959964 * 1 / 4, 1e-6);
}

TEST(Costs, AreRatiosWithTheirRange) {
  const auto trial = [](double bytes, double speed, double low, double high) {
    Trial made;
    made.metrics = {{.name = "acc", .value = 0.5, .unit = "share"},
                    {.name = "peak_bytes", .value = bytes, .unit = "bytes", .higher_is_better = false},
                    {.name = "speed", .value = speed, .unit = "tokens/s"},
                    {.name = "speed_low", .value = low, .unit = "tokens/s"},
                    {.name = "speed_high", .value = high, .unit = "tokens/s"}};
    return made;
  };
  const Trial a = trial(100, 10, 9, 11), b = trial(80, 12, 11, 13), c = trial(200, 10, 9, 11), d = trial(120, 12, 11, 14);
  const std::vector<CostComparison> costs = compare_costs(std::vector<CostPair>{{&a, &b}, {&c, &d}});
  ASSERT_EQ(costs.size(), 2u);
  EXPECT_EQ(costs[0].name, "peak_bytes");
  EXPECT_DOUBLE_EQ(costs[0].ratio, 0.7);
  EXPECT_DOUBLE_EQ(costs[0].low, 0.6);
  EXPECT_DOUBLE_EQ(costs[0].high, 0.8);
  EXPECT_EQ(costs[0].spread_from, "trials");
  EXPECT_EQ(costs[1].name, "speed");
  EXPECT_DOUBLE_EQ(costs[1].low, 1);
  EXPECT_DOUBLE_EQ(costs[1].high, 14.0 / 9);
  EXPECT_EQ(costs[1].spread_from, "repeats");
}

TEST(Costs, OfAMeasurementAreOfItsPartsAndOfRatiosInTurns) {
  const auto trial = [](const Json& steps, double speed, std::optional<double> ratio) {
    Trial made;
    made.cell.identity = {{"steps", steps}};
    made.metrics = {{.name = "decode_tokens_per_second", .filter = "batch_8", .value = speed, .unit = "tokens/s"},
                    {.name = "decode_tokens_per_second", .value = speed, .unit = "tokens/s", .leaf = "batch_8"},
                    {.name = "decode_tokens_per_second_low", .value = speed * 0.5, .unit = "tokens/s", .leaf = "batch_8"},
                    {.name = "decode_tokens_per_second_high", .value = speed * 2, .unit = "tokens/s", .leaf = "batch_8"},
                    {.name = "experts_touched", .value = 3, .unit = "experts", .leaf = "batch_8_layer_0", .parent = "batch_8"}};
    if (!ratio) return made;
    for (const auto& [name, value] :
         {std::pair{"decode_speed_ratio", *ratio}, {"decode_speed_ratio_low", *ratio - 0.1}, {"decode_speed_ratio_high", *ratio + 0.1}}) {
      made.metrics.push_back({.name = name, .value = value, .unit = "ratio", .leaf = "batch_8"});
    }
    return made;
  };
  const Trial dense = trial(Json::array(), 10, 1), pruned = trial({"x"}, 15, 1.4), other = trial({"y"}, 20, 1.9);
  const std::vector<CostComparison> turns = compare_costs(std::vector<CostPair>{{&dense, &pruned}}, CostKind::kMeasurement);
  ASSERT_EQ(turns.size(), 2u);  // the headline, and the part it is of
  for (const CostComparison& cost : turns) {
    EXPECT_EQ(cost.ratio, 1.4);
    EXPECT_DOUBLE_EQ(cost.low, 1.3);
    EXPECT_DOUBLE_EQ(cost.high, 1.5);
    EXPECT_EQ(cost.spread_from, "repeats");
  }
  EXPECT_EQ(turns[1].part, "batch_8");
  const CostComparison apart = compare_costs(std::vector<CostPair>{{&pruned, &other}}, CostKind::kMeasurement)[1];
  EXPECT_DOUBLE_EQ(apart.ratio, 20.0 / 15);
  EXPECT_DOUBLE_EQ(apart.low, 10.0 / 30);
  const CostComparison alone = compare_costs(std::vector<CostPair>{{nullptr, &pruned}}, CostKind::kMeasurement)[0];
  EXPECT_EQ(alone.measurements, 0u);
  EXPECT_EQ(alone.second, 15);
}

}  // namespace
}  // namespace winnow
