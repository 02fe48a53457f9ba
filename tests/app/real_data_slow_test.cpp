#include <filesystem>
#include <random>
#include <set>

#include "harness/core/json.h"
#include "results/store.h"
#include "tests/support/errors.h"
#include "tests/support/sample_sweep.h"

namespace winnow {
namespace {

using test::answers_in;
using test::ProgramResult;
using test::SampleSweep;

// The sweep of the issue: GSM8K (40), MMLU (6 subjects × 20), wikitext and perplexity on the real files, dense and pruned.
const char* const kTasks = R"([{"task": "gsm8k", "shots": 5, "limit": 40, "max_new_tokens": 48},
   {"task": "mmlu", "subjects": ["abstract_algebra", "anatomy", "high_school_european_history", "moral_scenarios", "professional_law", "virology"], "shots": 5, "limit": 20},
   {"task": "wikitext", "max_length": 512, "limit": 15},
   {"task": "perplexity", "dataset": "wikitext2", "window": 512, "bos": "none", "limit": 20}])";

ProgramResult run_on(const SampleSweep& sweep, const std::filesystem::path& data, const test::ProgramOptions& options = {}) {
  test::ProgramOptions mine = options;
  mine.environment.merge(sweep.environment());
  mine.seconds = 600;
  return test::run_winnow({"run", sweep.file().string(), "--data", data.string(), "--set", "token_budget=4096", "--set", "threads=2"}, mine);
}

TEST(RealData, FiftyKillsEndInTheSameTables) {
  const auto data = test::real_data_folder();
  if (!data) GTEST_SKIP() << test::kNoRealData;
  const SampleSweep undisturbed(kTasks), sweep(kTasks);
  const ProgramResult whole = run_on(undisturbed, *data);
  ASSERT_EQ(whole.exit_code, 0) << whole.errors;
  EXPECT_THAT(whole.output, testing::HasSubstr("±"));
  std::mt19937 random(50);
  int kills = 0;
  for (int round = 0; kills < 50; ++round) {
    ASSERT_LT(round, 200);
    const double moment = std::uniform_real_distribution(0.05, std::max(2.0, whole.seconds / 8))(random);
    const ProgramResult run = run_on(sweep, *data, {.signal_after = moment});
    kills += run.ended_by == SIGKILL;
    if (run.exit_code == 0)
      std::filesystem::remove(sweep.store());  // finished before its turn: once more from the start
    else
      ASSERT_EQ(run.ended_by, SIGKILL) << run.exit_code << run.errors;
  }
  ASSERT_EQ(run_on(sweep, *data).exit_code, 0);
  EXPECT_EQ(sweep.table(), undisturbed.table());
  EXPECT_EQ(answers_in(sweep.store()), answers_in(undisturbed.store()));
  EXPECT_THAT(run_on(sweep, *data).errors, testing::HasSubstr("all 8 cells are done"));
}

}  // namespace
}  // namespace winnow
