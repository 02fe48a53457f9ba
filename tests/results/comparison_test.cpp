#include "results/comparison.h"

#include <gtest/gtest.h>

#include <vector>

namespace winnow {
namespace {

std::vector<ScoredAnswer> graded(const std::vector<double>& grades, const std::string& filter = "none") {
  std::vector<ScoredAnswer> answers;
  for (const double grade : grades) answers.push_back({"gsm8k", static_cast<std::int64_t>(answers.size()), filter, {{"acc", grade}}});
  return answers;
}

TEST(Comparison, CountsDiscordantPairsAndTheirExactP) {
  const Comparison comparison = compare_answers(graded({1, 1, 1, 1, 1, 1, 0, 0}), graded({0, 0, 0, 0, 0, 0, 0, 0}), "none", "acc");
  EXPECT_EQ(comparison.pairs, 8);
  EXPECT_EQ(comparison.only_first_right, 6);
  EXPECT_EQ(comparison.only_second_right, 0);
  EXPECT_DOUBLE_EQ(*comparison.mcnemar_p, 0.03125);
  EXPECT_DOUBLE_EQ(comparison.mean.difference, -0.75);
  EXPECT_LT(comparison.bootstrap.high, 0);
}

TEST(Comparison, PairsByDocumentAndCountsTheRest) {
  std::vector<ScoredAnswer> first = graded({1, 0, 1}), second = graded({1, 0});
  second.push_back({"gsm8k", 9, "none", {{"acc", 1}}});
  second.push_back({"gsm8k", 2, "other", {{"acc", 1}}});
  const Comparison comparison = compare_answers(first, second, "none", "acc");
  EXPECT_EQ(comparison.pairs, 2);
  EXPECT_EQ(comparison.only_first, 1);
  EXPECT_EQ(comparison.only_second, 1);
}

TEST(Comparison, HasNoExactTestForValuesThatAreNotRightOrWrong) {
  EXPECT_EQ(compare_answers(graded({0.5, 1}), graded({1, 1}), "none", "acc").mcnemar_p, std::nullopt);
  EXPECT_EQ(compare_answers({}, {}, "none", "acc").pairs, 0);
}

}  // namespace
}  // namespace winnow
