#include <gtest/gtest.h>

#include <ctime>
#include <functional>

#include "results/compare_stores.h"
#include "results/leaderboard.h"
#include "results/report.h"
#include "tests/results/graded_store.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

// Of this process's own time: what else the machine does should not decide.
double seconds_of(const std::function<void()>& act) {
  const std::clock_t start = std::clock();
  act();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// MMLU's shape: 57 subjects, 14,042 questions.
test::Grades mmlu_grades(int variant) {
  test::Grades grades;
  for (int subject = 0; subject < 57; ++subject) {
    std::vector<int>& list = grades["mmlu_" + std::to_string(subject)];
    for (int i = 0; i < (subject < 20 ? 247 : 246); ++i) list.push_back((subject * 31 + i * 7 + (i % 11 == 0 ? variant : 0)) % 3 != 0);
  }
  return grades;
}

TEST(LargeStore, OfAMillionAnswersGivesItsLeaderboardAndAComparisonInASecond) {
  const test::TemporaryFolder folder;
  constexpr int kVariants = 72;  // · 14,042 = 1,011,024 answers
  {
    Store store = Store::open(folder / "large.sqlite");
    for (int variant = 0; variant < kVariants; ++variant) {
      test::add_trial(store, {.variant = variant == 0 ? "dense" : fmt::format("variant {}", variant), .grades = mmlu_grades(variant), .task = "mmlu"});
    }
  }
  std::vector<Store> stores;
  stores.push_back(Store::open_read_only(folder / "large.sqlite"));
  std::string table;
  const double report = seconds_of([&] { table = report_markdown(rank(stores[0].latest())); });
  EXPECT_NE(table.find("variant 71"), std::string::npos);
  ComparisonReport comparison;
  const double compare = seconds_of([&] { comparison = compare_stores(stores, {.first = "dense", .second = "variant 71"}); });
  ASSERT_EQ(comparison.scores.size(), 1u);
  EXPECT_EQ(comparison.scores[0].pairs, 14042);
  EXPECT_EQ(comparison.scores[0].subjects.size(), 57u);
  std::printf("leaderboard %.3f s, comparison %.3f s\n", report, compare);
  EXPECT_LT(report, 1);
  EXPECT_LT(compare, 1);
}

}  // namespace
}  // namespace winnow
