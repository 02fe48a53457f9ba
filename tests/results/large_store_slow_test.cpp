#include <gtest/gtest.h>
#include <sys/resource.h>

#include "harness/core/json.h"
#include "tests/results/graded_store.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow {
namespace {

// Of processors, the start of the program included. The store lies in memory by then, so the clock on the wall would add only what other programs take.
double processor_seconds_of(const std::vector<std::string>& arguments, std::string& output) {
  const auto now = [] {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  const double before = now();
  const test::ProgramResult run = test::run_winnow(arguments);
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  output = run.output;
  return now() - before;
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
  const std::string file = (folder / "large.sqlite").string();
  std::string table, comparison;
  const double report = processor_seconds_of({"report", file}, table);
  EXPECT_NE(table.find("| tiny | variant 71 | 0.6666 (-0.0000 \\[-0.0041, +0.0041\\] no difference shown) |"), std::string::npos) << table;
  const double compare = processor_seconds_of({"compare", file, "dense", "variant 71", "--format", "json"}, comparison);
  const Json score = parse_json(comparison, "compare")["scores"][0];
  EXPECT_EQ(score["n"], 14042) << score;
  EXPECT_EQ(score["subjects"].size(), 57u);
  std::printf("leaderboard %.3f s, comparison %.3f s of processors\n", report, compare);
  EXPECT_LT(report, 1);
  EXPECT_LT(compare, 1);
}

}  // namespace
}  // namespace winnow
