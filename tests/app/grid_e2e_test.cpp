// Frozen grids, shards, joined stores and the Slurm script, by the program as people use it.
#include <SQLiteCpp/Database.h>
#include <sys/mount.h>

#include <algorithm>
#include <csignal>

#include "harness/core/regex.h"
#include "results/store.h"
#include "tests/support/errors.h"
#include "tests/support/sample_sweep.h"

namespace winnow {
namespace {

using test::ProgramResult;
using test::SampleSweep;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const char* const kTwoTasks = R"([{"task": "gsm8k", "shots": 0, "limit": 2, "max_new_tokens": 4}, {"task": "mmlu", "subjects": ["astronomy"], "shots": 1}])";

void write_sweep(const SampleSweep& sweep, const std::string& more) {
  const std::string text = test::read_text(sweep.file());
  sweep.write_file("sweep.json", "{" + more + "," + text.substr(1));
}

TEST(DryRun, SaysTokensMemoryAndTimeAndWhereTheNumbersComeFrom) {
  const SampleSweep sweep(kTwoTasks);
  const ProgramResult before = sweep.run({}, {"--dry-run"});
  ASSERT_EQ(before.exit_code, 0) << before.errors;
  EXPECT_THAT(before.output, HasSubstr("grid "));
  EXPECT_THAT(before.output, HasSubstr(": 4 cells, 0 done\n"));
  EXPECT_TRUE(Regex(R"(to do: 4 cells, [\d,]+ tokens, [\d.]+ .iB of memory at most, about [\d.e-]+ hours)").search(before.output)) << before.output;
  EXPECT_THAT(before.errors, HasSubstr("winnow: estimate for 4 of 4 cells: tokens counted over up to 64 examples of each task, at the speed of "));
  EXPECT_THAT(before.errors, HasSubstr("matrix products in the model's sizes on this machine"));
  EXPECT_FALSE(std::filesystem::exists(sweep.store()));

  ASSERT_EQ(sweep.run({}, {"--set", "variants=[{\"label\": \"dense\", \"steps\": []}]"}).exit_code, 0);
  const ProgramResult after = sweep.run({}, {"--dry-run"});
  EXPECT_THAT(after.output, testing::ContainsRegex("done   tiny   dense +mmlu +"));
  EXPECT_THAT(after.output, testing::ContainsRegex("to do  tiny   random-6  mmlu +"));
  EXPECT_THAT(after.output, HasSubstr(": 4 cells, 2 done\nto do: 2 cells, "));
  EXPECT_THAT(after.errors, HasSubstr("estimate for 2 of 2 cells: what trials of the same model and task took on this machine"));
}

TEST(DryRun, TakesNothingFromSurroundingsThatNobodyOfOursWrote) {
  const SampleSweep sweep(kTwoTasks);
  ASSERT_EQ(sweep.run({}, {"--set", "variants=[{\"label\": \"dense\", \"steps\": []}]"}).exit_code, 0);
  for (const char* environment : {"[]", "{\"machine\": \"x\"}"}) {
    SQLite::Database(sweep.store().string(), SQLite::OPEN_READWRITE).exec(fmt::format("UPDATE environment SET environment_json = '{}'", environment));
    const ProgramResult dry = sweep.run({}, {"--dry-run"});
    EXPECT_EQ(dry.exit_code, 0) << dry.errors;
    EXPECT_THAT(dry.errors, HasSubstr("matrix products in the model's sizes"));
  }
}

// A cluster's login node.
TEST(DryRun, AndTheScriptWorkWhereTheDeviceIsNot) {
  const SampleSweep sweep(kTwoTasks);
  const ProgramResult dry = sweep.run({}, {"--dry-run", "--set", "device=cuda:7"});
  EXPECT_EQ(dry.exit_code, 0) << dry.errors;
  EXPECT_THAT(dry.errors, HasSubstr("winnow: estimate for model 'tiny': no time, since its speed cannot be measured here: device cuda"));
  EXPECT_EQ(sweep.run({}, {"--print-slurm", "--set", "device=cuda:7"}).exit_code, 0);
}

TEST(DryRun, CountsTokensAsTheRunDoes) {
  const SampleSweep sweep(kTwoTasks);
  const ProgramResult dry = sweep.run({}, {"--dry-run"});
  const std::optional<RegexMatch> found = Regex(R"(to do  tiny   dense +mmlu +\w+ +([\d,]+) )").search(dry.output);
  ASSERT_TRUE(found) << dry.output;
  std::string counted(found->group(1));
  std::erase(counted, ',');
  ASSERT_EQ(sweep.run().exit_code, 0);
  Store store = Store::open_read_only(sweep.store());
  for (const Trial& trial : store.latest()) {
    for (const Metric& metric : trial.metrics) {
      if (trial.cell.task == "mmlu" && trial.cell.variant == "dense" && metric.name == "tokens_asked")
        EXPECT_NEAR(std::stod(counted), metric.value, metric.value * 0.02);
    }
  }
}

TEST(Run, AGridIsFrozenAndAChangeIsShownAndFinishedCellsStay) {
  const SampleSweep sweep(kTwoTasks);
  write_sweep(sweep, R"("grid": {"variants[random-6].steps[0].seed": [1, 2]}, "exclude": [{"variant": "*seed=2", "task": "mmlu"}])");
  const ProgramResult first = sweep.run();
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_THAT(first.errors, HasSubstr("winnow: 5 of 5 cells ran"));
  EXPECT_THAT(first.output, HasSubstr("| tiny | random-6 seed=2 |"));

  sweep.write(R"([{"task": "gsm8k", "shots": 0, "limit": 2, "max_new_tokens": 5}, {"task": "mmlu", "subjects": ["astronomy"], "shots": 1}])");
  for (const bool is_dry : {true, false}) {
    const ProgramResult changed = sweep.run({}, is_dry ? std::vector<std::string>{"--dry-run"} : std::vector<std::string>{});
    EXPECT_EQ(changed.exit_code, 0);
    EXPECT_THAT(changed.errors, HasSubstr("winnow: the sweep has changed since it was last run into " + sweep.store().string() +
                                          ": 2 cells are the same, 1 new, 1 changed, 2 gone;"));
    EXPECT_THAT(changed.errors, AllOf(HasSubstr("  ~ tiny · dense · gsm8k: task.settings.max_new_tokens 4 → 5\n"), HasSubstr("  + tiny · random-6 · gsm8k\n"),
                                      HasSubstr("  - tiny · random-6 seed=2 · gsm8k\n")));
    if (!is_dry) EXPECT_THAT(changed.errors, HasSubstr("winnow: 2 of 4 cells ran, 2 were done before"));
  }
  const ProgramResult again = sweep.run();
  EXPECT_EQ(again.errors, "winnow: all 4 cells are done\n");
}

TEST(Run, RetryRunsTheFailedCellsOnly) {
  const SampleSweep sweep;
  sweep.write_file("answers.jsonl", R"({"kind": "generate", "context": "something else", "reply": "no"})"
                                    "\n");
  const auto write = [&](const std::string& tasks) {
    sweep.write_file(
        "sweep.json",
        R"({"name": "sample", "models": [{"name": "theirs", "recorded": "answers.jsonl"}], "variants": [{"label": "dense", "steps": []}], "tasks": )" + tasks +
            "}");
  };
  write(R"([{"task": "gsm8k", "shots": 0, "limit": 1}])");
  EXPECT_EQ(sweep.run().exit_code, 1);
  const std::string both = R"([{"task": "gsm8k", "shots": 0, "limit": 1}, {"task": "gsm8k", "shots": 1, "limit": 1}])";
  write(both);
  const ProgramResult retried = sweep.run({}, {"--retry", "failed"});
  EXPECT_EQ(retried.exit_code, 1);
  EXPECT_THAT(retried.errors, AllOf(HasSubstr("shots=0: failed: "), Not(HasSubstr("shots=1: failed"))));
  EXPECT_EQ(Store::open_read_only(sweep.store()).latest().size(), 1u);
  EXPECT_EQ(sweep.run({}, {"--retry", "all"}).exit_code, 2);
}

TEST(Run, RetryHasNothingToDoWhereNothingFailed) {
  const SampleSweep sweep(kTwoTasks);
  const ProgramResult none = sweep.run({}, {"--retry", "failed"});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_EQ(none.errors, "winnow: no cell of the sweep has failed\n");
}

TEST(Import, ShardsJoinedInAnyOrderAreTheWholeSweep) {
  const SampleSweep whole, parts;
  ASSERT_EQ(whole.run().exit_code, 0);
  std::vector<std::string> import = {"import", "--format", "store", "--store", parts.store().string()};
  for (const char* shard : {"3/3", "1/3", "2/3"}) {
    const std::string store = (parts.folder() / ("part-" + std::string(1, shard[0]) + ".sqlite")).string();
    const ProgramResult run = parts.run({}, {"--shard", shard, "--store", store});
    ASSERT_EQ(run.exit_code, 0) << run.errors;
    import.push_back(store);
  }
  const ProgramResult joined = test::run_winnow(import);
  EXPECT_EQ(joined.exit_code, 0) << joined.errors;
  EXPECT_EQ(joined.errors, "winnow: 8 trials joined into " + parts.store().string() + ", 0 were there\n");
  EXPECT_EQ(parts.table(), whole.table());
  EXPECT_EQ(test::run_winnow(import).errors, "winnow: 0 trials joined into " + parts.store().string() + ", 8 were there\n");
  EXPECT_EQ(parts.table(), whole.table());
  const ProgramResult again = parts.run();
  EXPECT_EQ(again.errors, "winnow: all 8 cells are done\n");
}

TEST(Import, RefusesWhatCannotBe) {
  const SampleSweep sweep(kTwoTasks);
  ASSERT_EQ(sweep.run().exit_code, 0);
  const std::string store = sweep.store().string();
  const auto refused = [&](const std::vector<std::string>& arguments, int code, const std::string& sentence) {
    std::vector<std::string> words = {"import"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const ProgramResult result = test::run_winnow(words);
    EXPECT_EQ(result.exit_code, code) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr(sentence));
  };
  refused({store, "--format", "store", "--store", store}, 2, "cannot be joined into itself");
  refused({(sweep.folder() / "none.sqlite").string(), "--format", "store", "--store", (sweep.folder() / "new.sqlite").string()}, 3, "there is no such store");
  refused({sweep.file().string(), "--format", "store", "--store", (sweep.folder() / "new.sqlite").string()}, 3, "not a Winnow store");
  refused({store, "--format", "store", "--store", "/nowhere/new.sqlite"}, 3, "there is no folder /nowhere");
  EXPECT_FALSE(std::filesystem::exists(sweep.folder() / "new.sqlite"));
}

TEST(Run, AStoreThatCannotBeIsRefusedBeforeAnyWork) {
  const SampleSweep sweep(kTwoTasks);
  sweep.write_file("text.sqlite", "no store");
  for (const auto& [store, sentence] : {std::pair<std::string, std::string>{"/nowhere/x.sqlite", "there is no folder /nowhere"},
                                        {(sweep.folder() / "text.sqlite").string(), "not a Winnow store"},
                                        {"/proc/x.sqlite", "cannot be"}}) {
    const ProgramResult run = sweep.run({}, {"--store", store});
    EXPECT_EQ(run.exit_code, 3);
    EXPECT_THAT(run.errors, HasSubstr(sentence));
    EXPECT_EQ(std::count(run.errors.begin(), run.errors.end(), '\n'), 1) << run.errors;
  }
}

TEST(Run, AFullDiskEndsInOneSentenceAndTheSameCommandGoesOn) {
  const SampleSweep whole, sweep;
  ASSERT_EQ(whole.run().exit_code, 0);
  const std::filesystem::path disk = sweep.folder() / "disk";
  std::filesystem::create_directory(disk);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=400k") != 0) GTEST_SKIP() << "cannot mount a small file system here";
  const std::string store = (disk / "sample.sqlite").string();
  const ProgramResult full = sweep.run({}, {"--store", store, "--quiet"});
  EXPECT_EQ(full.exit_code, 3);
  EXPECT_EQ(full.errors, "winnow: " + store + ": no space left on the disk; what was saved before is kept: free some space and run the same command again\n");
  EXPECT_EQ(::mount("none", disk.c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
  EXPECT_EQ(sweep.run({}, {"--store", store}).exit_code, 0);
  EXPECT_EQ(test::run_winnow({"import", store, "--format", "store", "--store", sweep.store().string()}).exit_code, 0);
  EXPECT_EQ(sweep.table(), whole.table());
  ::umount(disk.c_str());
}

TEST(Run, ExpectsTheGridItWasPrintedFor) {
  const SampleSweep sweep(kTwoTasks);
  const ProgramResult other = sweep.run({}, {"--expect-grid", std::string(64, 'a')});
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.errors, HasSubstr(" of 4 cells, and aaaaaaaaaaaa was expected: the sweep, a model or data have changed since; print the script again"));
  EXPECT_FALSE(std::filesystem::exists(sweep.store()));
  EXPECT_EQ(sweep.run({}, {"--gpus", "1"}).exit_code, 2);  // only with --print-slurm
  EXPECT_EQ(sweep.run({}, {"--shard", "0/2"}).exit_code, 2);
}

// What Slurm does with the script: every task runs it, some are stopped by USR2 and requeued.
TEST(SlurmScript, ItsTasksStoppedAndRequeuedMakeTheSameTables) {
  const SampleSweep whole, sweep;
  ASSERT_EQ(whole.run().exit_code, 0);
  const ProgramResult printed = sweep.run({}, {"--print-slurm", "--tasks", "3", "--gpus", "1", "--time", "4:00:00"});
  ASSERT_EQ(printed.exit_code, 0) << printed.errors;
  EXPECT_THAT(printed.output, HasSubstr("#SBATCH --array=1-3\n#SBATCH --gpus=1\n#SBATCH --time=4:00:00\n"));
  const std::filesystem::path script = sweep.folder().write("sweep.sbatch", printed.output);
  const std::filesystem::path requeued = sweep.folder() / "requeued";
  const std::filesystem::path scontrol = sweep.folder().write("bin/scontrol", "#!/bin/sh\necho \"$@\" >> " + requeued.string() + "\n");
  std::filesystem::permissions(scontrol, std::filesystem::perms::owner_all);
  std::filesystem::create_directory(sweep.folder() / "scratch");

  int stopped = 0;
  for (const char* task : {"1", "2", "3"}) {
    for (double after = 0.05; after < 60; after *= 1.3) {
      test::ProgramOptions options{.environment = sweep.environment(), .signal_after = after, .signal = SIGUSR2};
      options.environment.merge(std::map<std::string, std::string>{{"SLURM_ARRAY_JOB_ID", "77"},
                                                                   {"SLURM_ARRAY_TASK_ID", task},
                                                                   {"TMPDIR", (sweep.folder() / "scratch").string()},
                                                                   {"PATH", (sweep.folder() / "bin").string() + ":" + std::getenv("PATH")}});
      const ProgramResult run = test::run_program({"bash", script.string()}, options);
      if (run.exit_code == 0) break;
      // The whole group gets the signal: bash and winnow too, before they know what to do with it, or twice.
      ASSERT_TRUE(run.exit_code == 75 || run.ended_by == SIGUSR2 || run.exit_code > 128) << run.exit_code << run.errors;
      stopped += run.exit_code == 75;
    }
  }
  if (stopped > 0) EXPECT_THAT(test::read_text(requeued), testing::StartsWith("requeue 77_"));
  const std::string parts = (sweep.folder() / "sample.parts").string();
  const ProgramResult joined = test::run_winnow(
      {"import", "--format", "store", parts + "/part-1.sqlite", parts + "/part-2.sqlite", parts + "/part-3.sqlite", "--store", sweep.store().string()});
  EXPECT_EQ(joined.exit_code, 0) << joined.errors;
  EXPECT_EQ(sweep.table(), whole.table());
  EXPECT_TRUE(std::filesystem::is_empty(sweep.folder() / "scratch"));
}

}  // namespace
}  // namespace winnow
