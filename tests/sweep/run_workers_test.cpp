#include "harness/sweep/run_workers.h"

#include <chrono>
#include <csignal>

#include "harness/sweep/child_process.h"
#include "harness/sweep/worker_messages.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/sweep_fakes.h"

namespace winnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = WorkerMessage::Kind;

// Shell scripts for workers. Their order is "CELLS ATTEMPT"; begin, end and say speak for them.
const std::string kWords = R"(
read cells attempt
say() { printf '%s\n' "$1" >&3; }
begin() { say '{"kind":1,"cell":'$1'}'; }
end() { say '{"kind":3,"cell":'$1',"status":'$2',"reason":"'"$3"'","seconds":1}'; }
run_all() { i=0; while [ $i -lt $cells ]; do begin $i; end $i 1; i=$((i+1)); done; say '{"kind":4,"cell":0}'; }
)";

struct Bench : test::SweepBench<> {
  explicit Bench(const std::string& script,
                 const std::string& tasks = R"([{"task": "letters"}, {"task": "letters", "limit": 3}, {"task": "letters", "limit": 4}])")
      : SweepBench(test::letters_sweep(tasks)), cells(expand(sweep, opener, datasets)) {
    setup.command = {"/bin/sh", "-c", kWords + script};
    setup.seats = {{}};
    setup.token_budget = 512;
    setup.grace_seconds = 0.05;
    setup.order = [this](const Assignment& assignment) {
      assignments.push_back(assignment);
      ended_before.push_back(ends.size());
      return fmt::format("{} {}\n", assignment.cells.size(), assignments.size());
    };
    controls.on_cell_end = [this](const Cell& cell, const TrialEnd& end) { ends.emplace_back(cell.variant + " " + cell.task_label, end); };
  }
  SweepOutcome run() { return run_workers(cells, log, controls, setup); }

  std::vector<Cell> cells;
  WorkersSetup setup;
  std::vector<Assignment> assignments;
  std::vector<std::size_t> ended_before;  // cells, by assignment
  std::vector<std::pair<std::string, TrialEnd>> ends;
};

TEST(RunWorkers, GivesEveryVariantAProcess) {
  Bench bench("run_all");
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.ran, 6u);
  ASSERT_EQ(bench.assignments.size(), 2u);
  EXPECT_EQ(bench.assignments[0].cells[2].key, bench.cells[2].key);
  EXPECT_EQ(bench.assignments[1].cells[0].variant, "half");
  EXPECT_EQ(bench.assignments[0].token_budget, 512);
  EXPECT_TRUE(bench.log.trials.empty());  // workers save by themselves
}

TEST(RunWorkers, AVariantWithUntilWaitsForTheUnprunedModel) {
  Bench bench("sleep 0.2; run_all", R"([{"task": "letters", "limit": 20, "until": {"difference": 0.1}}])");
  bench.setup.seats = {{}, {}};
  EXPECT_EQ(bench.run().ran, 2u);
  EXPECT_THAT(bench.ended_before, ElementsAre(0u, 1u));
}

TEST(RunWorkers, AVariantWithUntilWaitsForTheSecondTryOfTheUnprunedModelToo) {
  Bench bench("[ $attempt = 1 ] && { begin 0; kill -KILL $$; }; sleep 0.2; run_all", R"([{"task": "letters", "limit": 20, "until": {"difference": 0.1}}])");
  bench.setup.seats = {{}, {}};
  EXPECT_EQ(bench.run().ran, 2u);
  EXPECT_THAT(bench.ended_before, ElementsAre(0u, 1u, 2u));
}

TEST(RunWorkers, AVariantWithUntilIsLeftWithTheUnprunedModelThatAnotherProcessRuns) {
  Bench bench("say '{\"kind\":4,\"cell\":0}'", R"([{"task": "letters", "limit": 20, "until": {"difference": 0.1}}])");
  EXPECT_EQ(bench.run().elsewhere, 2u);
  ASSERT_EQ(bench.assignments.size(), 2u);
  for (const Assignment& assignment : bench.assignments) EXPECT_EQ(assignment.cells.at(0).variant, "dense");
  EXPECT_EQ(bench.ends.back().second.reason, "another process is running it, or the unpruned model that it is compared with");
}

TEST(RunWorkers, AVariantWithUntilRunsOnceAnotherProcessHasTheUnprunedModelsAnswers) {
  Bench bench("[ $attempt = 1 ] && say '{\"kind\":4,\"cell\":0}' || run_all", R"([{"task": "letters", "limit": 20, "until": {"difference": 0.1}}])");
  bench.setup.order = [&, order = bench.setup.order](const Assignment& assignment) {
    if (bench.log.trials.empty()) bench.log.trials.push_back({.cell = assignment.cells.at(0), .end = TrialEnd{}});
    return order(assignment);
  };
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.ran, 1u);
  EXPECT_EQ(outcome.elsewhere, 1u);
  EXPECT_EQ(bench.assignments.at(1).cells.at(0).variant, "half");
}

TEST(RunWorkers, ACrashIsARowWithItsSignalAndLastWordsAndTheRestGoesOn) {
  Bench bench("[ $attempt = 1 ] || { run_all; exit; }; begin 0; end 0 1; begin 1; echo 'so it ends' >&2; kill -SEGV $$");
  std::vector<std::string> lines;
  bench.setup.on_line = [&](const std::string& line) { lines.push_back(line); };
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.ran, 5u);
  EXPECT_EQ(outcome.failed, 1u);
  ASSERT_EQ(bench.log.trials.size(), 1u);
  EXPECT_EQ(bench.log.trials[0].cell.key, bench.cells[1].key);
  EXPECT_EQ(bench.log.trials[0].end->status, TrialStatus::kFailed);
  EXPECT_EQ(bench.log.trials[0].end->reason, "the worker that ran it was killed by signal 11 (Segmentation fault); its last words: so it ends");
  EXPECT_THAT(lines, ElementsAre("so it ends"));
  ASSERT_EQ(bench.assignments.size(), 3u);
  EXPECT_EQ(bench.assignments[1].cells.size(), 1u);
  EXPECT_EQ(bench.assignments[1].token_budget, 512);
}

TEST(RunWorkers, AKillForMemoryIsARowAndOneMoreTryWithHalfTheTokenBudget) {
  Bench bench("[ $attempt = 1 ] || { run_all; exit; }; begin 0; end 0 1; begin 1; kill -KILL $$");
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.ran, 6u);
  EXPECT_EQ(outcome.failed, 0u);
  ASSERT_EQ(bench.log.trials.size(), 1u);
  EXPECT_EQ(bench.log.trials[0].end->reason, "the worker that ran it was killed by signal 9 (out of memory?)");
  EXPECT_EQ(bench.assignments[1].token_budget, 256);
  ASSERT_EQ(bench.assignments[1].cells.size(), 2u);
  EXPECT_EQ(bench.assignments[1].cells[0].key, bench.cells[1].key);
  EXPECT_EQ(bench.assignments[2].token_budget, 512);  // another variant may have room
}

TEST(RunWorkers, IsNotTriedAThirdTime) {
  Bench bench("begin 0; kill -KILL $$", R"([{"task": "letters"}])");
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.failed, 2u);
  EXPECT_EQ(bench.assignments.size(), 4u);
}

TEST(RunWorkers, RunningOutOfMemoryInsideIsTriedOnceMoreToo) {
  Bench bench(
      "if [ $attempt = 1 ]; then begin 0; end 0 2 'CUDA out of memory. Tried to allocate 2 GiB'; begin 1; end 1 1; begin 2; end 2 1; say "
      "'{\"kind\":4,\"cell\":0}'; else run_all; fi");
  EXPECT_EQ(bench.run().ran, 6u);
  ASSERT_EQ(bench.assignments.size(), 3u);
  EXPECT_EQ(bench.assignments[1].cells.size(), 1u);
  EXPECT_EQ(bench.assignments[1].token_budget, 256);
}

TEST(RunWorkers, AHungWorkerIsEndedAndItsCellFails) {
  Bench bench("[ $attempt = 1 ] || { run_all; exit; }; begin 0; exec sleep 100");
  bench.setup.limits.silence_seconds = 0.2;
  EXPECT_EQ(bench.run().ran, 5u);
  EXPECT_THAT(bench.log.trials.at(0).end->reason, HasSubstr("said nothing for 0 s (limits.silence_seconds is 0.2) and was killed"));
}

TEST(RunWorkers, AWorkerThatDoesNotEndACellInTimeIsEnded) {
  Bench bench("[ $attempt = 1 ] || { run_all; exit; }; begin 0; while :; do say '{\"kind\":0,\"cell\":0}'; sleep 0.05; done");
  bench.setup.limits.seconds = 0.2;
  EXPECT_EQ(bench.run().ran, 5u);
  EXPECT_THAT(bench.log.trials.at(0).end->reason, HasSubstr("timed out after 0 s (limits.seconds is 0.2) and was killed"));
}

TEST(RunWorkers, ALostDeviceCostsOneCell) {
  Bench bench("if [ $attempt = 1 ]; then begin 0; end 0 2 'CUDA error: device-side assert triggered'; say '{\"kind\":6,\"cell\":0}'; else run_all; fi");
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.failed, 1u);
  EXPECT_EQ(outcome.ran, 5u);
  EXPECT_EQ(bench.assignments.at(1).cells.size(), 2u);
}

TEST(RunWorkers, AModelThatKillsItsWorkerWhileItIsOpenedFailsItsCellsOnly) {
  Bench bench("[ $attempt = 1 ] && exit 7; run_all");
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.failed, 3u);
  EXPECT_EQ(outcome.ran, 3u);
  EXPECT_EQ(bench.log.trials.at(2).end->reason, "the worker that ran it ended with exit code 7");
}

TEST(RunWorkers, AWorkerThatDiesBetweenCellsTakesNoneWithIt) {
  Bench bench("[ $attempt = 1 ] || { run_all; exit; }; begin 0; end 0 1; kill -KILL $$");
  EXPECT_EQ(bench.run().ran, 6u);
  EXPECT_TRUE(bench.log.trials.empty());
}

TEST(RunWorkers, WhatNoWorkerCanGoOnFromEndsTheSweep) {
  Bench bench("say '{\"kind\":7,\"cell\":0,\"error\":1,\"sentence\":\"no space left on the disk\"}'; exit 3");
  EXPECT_ERROR(bench.run(), kInput, "no space left on the disk");
  EXPECT_EQ(bench.assignments.size(), 1u);
  EXPECT_TRUE(bench.log.trials.empty());
}

TEST(RunWorkers, StopsWhenAskedAndLeavesTheRest) {
  Bench bench("begin 0; end 0 1; begin 1; cat > /dev/null; say '{\"kind\":5,\"cell\":0}'");
  bench.controls.should_stop = [&] { return !bench.ends.empty(); };
  const SweepOutcome outcome = bench.run();
  EXPECT_TRUE(outcome.stopped);
  EXPECT_EQ(outcome.ran, 1u);
  EXPECT_EQ(bench.assignments.size(), 1u);
  EXPECT_TRUE(bench.log.trials.empty());
}

TEST(RunWorkers, AWorkerThatHasBegunNoCellIsStoppedAtOnce) {
  Bench bench("exec sleep 60");  // at a large model
  bench.controls.should_stop = [&] { return !bench.assignments.empty(); };
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(bench.run().stopped);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_TRUE(bench.log.trials.empty());
}

TEST(RunWorkers, SeveralRunSideBySide) {
  const test::TemporaryFolder folder;
  Bench bench(fmt::format("cd {}; touch here-$attempt; until [ -e here-1 ] && [ -e here-2 ]; do sleep 0.01; done; run_all", folder.path().string()));
  bench.setup.seats = {{.device = "cuda:0"}, {.device = "cuda:1"}};
  EXPECT_EQ(bench.run().ran, 6u);
  EXPECT_EQ(bench.assignments[0].seat.device, "cuda:0");
  EXPECT_EQ(bench.assignments[1].seat.device, "cuda:1");
}

TEST(RunWorkers, LeavesToOthersWhatTheyHave) {
  Bench bench("[ $attempt -gt 2 ] || { begin 0; end 0 1; }; say '{\"kind\":4,\"cell\":0}'");
  EXPECT_EQ(bench.run().elsewhere, 4u);
  EXPECT_EQ(bench.assignments.size(), 4u);
}

TEST(RunWorkers, LooksOnceMoreAtWhatOthersHadWhenTheRestIsDone) {
  Bench bench("[ $attempt -gt 2 ] && run_all; begin 0; end 0 1; say '{\"kind\":4,\"cell\":0}'");
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.elsewhere, 0u);
  EXPECT_EQ(outcome.ran, 6u);
}

TEST(RunWorkers, LooksOnceMoreWhereAWorkerSaysThatAnotherProcessHasTheCell) {
  Bench bench("[ $attempt -gt 2 ] && { run_all; exit; }; begin 0; end 0 1; end 1 0 'another process is running it'; end 2 0; say '{\"kind\":4,\"cell\":0}'");
  const SweepOutcome outcome = bench.run();
  EXPECT_EQ(outcome.elsewhere, 0u);
  EXPECT_EQ(outcome.ran, 6u);
  EXPECT_EQ(bench.assignments.size(), 4u);
}

TEST(RunWorkers, TellsProgressOfTheWholeSweep) {
  Bench bench("begin 0; say '{\"kind\":2,\"cell\":0,\"examples\":[3,10],\"tokens\":55,\"score\":[\"acc\",\"none\",0.25,\"share\"]}'; run_all");
  std::vector<SweepProgress> told;
  bench.controls.on_progress = [&](const SweepProgress& progress) { told.push_back(progress); };
  bench.run();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1].cells_total, 6u);
  EXPECT_EQ(told[1].cells_done, 3u);
  EXPECT_EQ(told[1].cell->key, bench.cells[3].key);
  EXPECT_EQ(told[1].examples_done, 3u);
  EXPECT_EQ(told[1].counters.tokens_forwarded, 55);
  EXPECT_EQ(told[1].score->value, 0.25);
  EXPECT_EQ(told[1].score->unit, "share");
}

TEST(RunWorkers, WhatALibraryWritesAmongTheMessagesIsPassedOver) {
  Bench bench("say 'warning: {'; say '{\"kind\":3}'; say '{\"kind\":1,\"cell\":99}'; run_all");
  EXPECT_EQ(bench.run().ran, 6u);
}

TEST(WorkerMessages, AnOrderComesBackAsItWas) {
  Bench bench("");
  WorkOrder order{.sweep_json = "{\"name\": \"\u00e4\\n\"}",
                  .folder = "/a b",
                  .data = "d",
                  .takes_unverified_data = true,
                  .store = "s",
                  .cache = "c",
                  .device = "cuda:1",
                  .threads = 3,
                  .token_budget = 77,
                  .environment = {{"a", {1, 2}}},
                  .cells = bench.cells};
  const std::string line = to_line(order);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const WorkOrder read = work_order(line);
  EXPECT_EQ(to_line(read), line);
  EXPECT_EQ(read.sweep_json, order.sweep_json);
  EXPECT_EQ(read.cells[5].identity, bench.cells[5].identity);
  EXPECT_EQ(read.cells[5].task_index, 2u);
}

TEST(WorkerMessages, EveryKindComesBackAsItWas) {
  for (const WorkerMessage& message :
       {WorkerMessage{.kind = Kind::kProgress,
       .cell = 2,
       .examples_done = 3,
       .examples_total = 4,
       .tokens_forwarded = 5,
       .score = Metric{.name = "acc", .value = 0.5, .unit = "share"}},
        WorkerMessage{.kind = Kind::kEnd, .cell = 1, .status = TrialStatus::kFailed, .reason = "no\nsuch \"luck\" \xff", .seconds = 1.5},
        WorkerMessage{.kind = Kind::kError, .error = ErrorKind::kUnsupported, .sentence = "not here"}}) {
    const std::optional<WorkerMessage> read = worker_message(to_line(message));
    ASSERT_TRUE(read);
    EXPECT_EQ(to_line(*read), to_line(message));
  }
  EXPECT_FALSE(worker_message("not json"));
}

TEST(ChildProcess, HasItsLimitsAndIgnoresWhatATerminalSends) {
  ChildProcess child({.command = {"/bin/sh", "-c", "ulimit -d; kill -INT $$; kill -TERM $$; kill -USR1 $$; kill -USR2 $$; kill -HUP $$; echo alive; exit 3"},
                      .memory_bytes = std::int64_t{1} << 30});
  std::vector<std::string> lines;
  while (child.errors_end() >= 0) {
    for (const std::string& line : child.read_errors()) lines.push_back(line);
  }
  EXPECT_THAT(lines, ElementsAre("1048576", "alive"));
  std::optional<ChildProcess::End> end;
  while (!(end = child.try_wait())) {}
  EXPECT_EQ(end->exit_code, 3);
}

TEST(ChildProcess, TakesAnOrderLargerThanAPipe) {
  ChildProcess child({.command = {"/bin/sh", "-c", "wc -c >&3"}});
  child.send(std::string(3'000'000, 'x'));
  child.close_input();
  std::vector<std::string> lines;
  while (child.messages_end() >= 0) {
    child.flush();
    for (const std::string& line : child.read_messages()) lines.push_back(line);
  }
  EXPECT_THAT(lines, ElementsAre("3000000"));
}

}  // namespace
}  // namespace winnow
