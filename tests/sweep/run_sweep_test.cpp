#include "harness/sweep/run_sweep.h"

#include "tests/support/errors.h"
#include "tests/support/sweep_fakes.h"

namespace winnow {
namespace {

using test::letters_sweep;

using Bench = test::SweepBench<>;

TEST(RunSweep, RunsEveryCellAndOpensAModelOncePerVariant) {
  Bench bench(letters_sweep(R"([{"task": "letters"}, {"task": "letters", "limit": 3}])"));
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.ran, 4u);
  EXPECT_EQ(bench.opener.opened, 2);
  EXPECT_EQ(bench.opener.answered, 2 * 2 * (10 + 3));
  ASSERT_EQ(bench.log.trials.size(), 4u);
  EXPECT_EQ(bench.log.trials[1].answers.size(), 3u);
  EXPECT_EQ(bench.log.trials[0].plan_json, "");
  EXPECT_EQ(bench.log.trials[2].plan_json, "{\"plan\":1}");
  const RecordedAnswer& first = bench.log.trials[0].answers[0];
  EXPECT_EQ(first.prompt, "letter " + std::to_string(first.example.doc_id));
  EXPECT_EQ(first.arguments, (std::vector<std::string>{" a", " b"}));
  EXPECT_EQ(first.log_likelihoods.size(), 2u);
}

TEST(RunSweep, RecordsWhatEveryTrialCost) {
  Bench bench;
  bench.run();
  const TrialEnd& end = *bench.log.trials[1].end;
  EXPECT_EQ(end.metrics[0].name, "acc");
  EXPECT_EQ(test::metric_of(end, "expert_sparsity"), 0.5);
  EXPECT_EQ(test::metric_of(end, "tokens_asked"), 40);
  EXPECT_EQ(test::metric_of(end, "tokens_forwarded"), 20);
  EXPECT_EQ(test::metric_of(end, "prefill_tokens_per_second"), 2);
  EXPECT_GT(test::metric_of(end, "peak_bytes"), test::metric_of(end, "peak_anonymous_bytes") / 2);
  EXPECT_GT(test::metric_of(end, "peak_file_bytes"), 0);
  EXPECT_EQ(end.seconds.at("load"), 2);
  EXPECT_EQ(end.seconds.at("prefill"), 10);
  EXPECT_GE(end.seconds.at("total"), 2);
  EXPECT_FALSE(end.seconds.contains("tokens_asked"));
}

TEST(RunSweep, TheSameCommandAgainDoesNothing) {
  Bench bench;
  bench.run();
  const int answered = bench.opener.answered;
  const SweepOutcome again = bench.run();
  EXPECT_EQ(again.ran, 0u);
  EXPECT_EQ(again.already_done, 2u);
  EXPECT_EQ(bench.opener.answered, answered);
}

TEST(RunSweep, OneMoreTaskRunsJustThat) {
  Bench bench;
  bench.run();
  Bench wider(letters_sweep(R"([{"task": "letters"}, {"task": "letters", "limit": 3}])"));
  wider.log = bench.log;
  EXPECT_EQ(wider.run().ran, 2u);
  EXPECT_EQ(wider.opener.answered, 2 * 2 * 3);
}

TEST(RunSweep, StopsWhenAskedAndResumesInTheMiddleOfATask) {
  Bench undisturbed(letters_sweep(R"([{"task": "letters", "limit": 23}])"));
  undisturbed.run();
  Bench bench(letters_sweep(R"([{"task": "letters", "limit": 23}])"));
  int runs = 0;
  for (SweepOutcome outcome{.stopped = true}; outcome.stopped; ++runs) {
    int left = 13;
    bench.controls.should_stop = [&] { return --left <= 0; };
    outcome = bench.run();
    ASSERT_LT(runs, 20);
  }
  EXPECT_GT(runs, 4);
  ASSERT_EQ(bench.log.trials.size(), 2u);
  for (std::size_t t = 0; t < 2; ++t) {
    const test::MemoryLog::Kept& trial = bench.log.trials[t];
    std::set<std::int64_t> ids;
    for (const RecordedAnswer& answer : trial.answers) ids.insert(answer.example.doc_id);
    EXPECT_EQ(ids.size(), 23u);
    EXPECT_EQ(trial.answers.size(), 23u);
    EXPECT_EQ(test::metric_of(*trial.end, "acc"), test::metric_of(*undisturbed.log.trials[t].end, "acc"));
    EXPECT_GT(trial.end->seconds.at("load"), 2.0);  // adds up over the runs
    EXPECT_GE(test::metric_of(*trial.end, "tokens_forwarded"), 46);
  }
}

TEST(RunSweep, SavesWhenTheTimeIsUp) {
  Bench bench;
  bench.controls.save_every_seconds = 0;
  bench.run();
  EXPECT_GE(bench.log.appends, 20);
}

TEST(RunSweep, AFailingCellBecomesARowAndTheSweepGoesOn) {
  Bench bench;
  bench.opener.fail_at = 5;
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.failed, 1u);
  EXPECT_EQ(outcome.ran, 1u);
  EXPECT_EQ(bench.log.trials[0].end->status, TrialStatus::kFailed);
  EXPECT_THAT(bench.log.trials[0].end->reason, testing::HasSubstr("the logits of layer 1, position 7 are not finite"));
  EXPECT_EQ(bench.run().ran, 1u);  // failed cells are tried again
}

TEST(RunSweep, AModelThatCannotBeOpenedFailsItsCellsOnly) {
  Bench bench;
  bench.opener.cannot_open = "no such luck";
  EXPECT_EQ(bench.run().failed, 2u);
  EXPECT_EQ(bench.log.trials[1].end->reason, "no such luck");
}

TEST(RunSweep, AModelThatIsNoLongerThereFailsItsCellsOnly) {
  Bench bench;
  const std::vector<Cell> cells = expand(bench.sweep, bench.opener, bench.datasets);
  bench.opener.on_identify = [] { throw input_error("model 'one': nobody answers"); };
  EXPECT_EQ(run_sweep(bench.sweep, cells, bench.opener, bench.datasets, bench.log, bench.controls).failed, 2u);
  EXPECT_EQ(bench.log.trials.at(1).end->reason, "model 'one': nobody answers");
}

TEST(RunSweep, AModelWhoseOpeningWasBrokenOffByAStopStaysToBeRun) {
  Bench bench;
  const std::vector<Cell> cells = expand(bench.sweep, bench.opener, bench.datasets);
  bool is_asked_to_stop = false;
  bench.controls.should_stop = [&] { return is_asked_to_stop; };
  bench.opener.on_identify = [&] {
    is_asked_to_stop = true;
    throw std::runtime_error("stopped while it waited for its server");
  };
  const SweepOutcome outcome = run_sweep(bench.sweep, cells, bench.opener, bench.datasets, bench.log, bench.controls);
  EXPECT_TRUE(outcome.stopped);
  EXPECT_EQ(outcome.failed, 0u);
  EXPECT_TRUE(bench.log.trials.empty());
}

TEST(RunSweep, UnsupportedCellsAreSkippedOnce) {
  Bench bench;
  bench.opener.unsupported = "not here";
  EXPECT_EQ(bench.run().skipped, 2u);
  EXPECT_EQ(bench.log.trials[0].end->status, TrialStatus::kSkipped);
  EXPECT_EQ(bench.run().already_done, 2u);
}

TEST(RunSweep, RandomWeightsAreRefusedByNameWithoutBeingOpened) {
  Bench bench;
  bench.opener.random_weights = true;
  EXPECT_EQ(bench.run().skipped, 2u);
  EXPECT_EQ(bench.opener.opened, 0);
  EXPECT_EQ(bench.log.trials[0].end->reason, "task letters scores answers, and model 'one' has random weights, which only measuring tasks take");
}

TEST(RunSweep, ALogThatFailsEndsTheSweep) {
  Bench bench;
  bench.log.full = true;
  EXPECT_THROW(bench.run(), std::runtime_error);
  EXPECT_FALSE(bench.log.trials[0].end);
}

TEST(RunSweep, LeavesACellToTheProcessThatHasIt) {
  Bench bench;
  bench.log.busy_key = expand(bench.sweep, bench.opener, bench.datasets)[0].key;
  std::vector<std::string> said;
  bench.controls.on_cell_end = [&](const Cell&, const TrialEnd& end) { said.push_back(end.reason); };
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.elsewhere, 1u);
  EXPECT_EQ(outcome.ran, 1u);
  EXPECT_EQ(said, (std::vector<std::string>{"another process is running it or has just finished it", ""}));
}

TEST(RunSweep, AModelWhoseFilesChangedIsNotScored) {
  Bench bench;
  bench.opener.changed = "weights changed under the run";
  EXPECT_EQ(bench.run().failed, 2u);
  EXPECT_EQ(bench.log.trials[0].end->reason, "weights changed under the run");
}

TEST(RunSweep, TellsProgressWithTheRunningScore) {
  Bench bench(letters_sweep(R"([{"task": "letters", "limit": 2000}])"));
  SweepProgress last;
  bench.controls.on_progress = [&](const SweepProgress& progress) { last = progress; };
  bench.run();
  EXPECT_EQ(last.examples_total, 2000u);
  EXPECT_EQ(last.cells_total, 2u);
  ASSERT_TRUE(last.score);
  EXPECT_EQ(last.score->name, "acc");
}

}  // namespace
}  // namespace winnow
