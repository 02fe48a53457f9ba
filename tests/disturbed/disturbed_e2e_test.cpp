// What may befall a sweep in a night: killed, stopped, workers killed or hung, limits reached, many at once. In the end its tables are those of an
// undisturbed one.
#include <csignal>
#include <fstream>
#include <future>

#include "tests/disturbed/disturbed_sweep.h"

namespace winnow {
namespace {

using test::DisturbedSweeps;
using test::ProgramResult;
using test::SampleSweep;
using testing::AnyOf;
using testing::HasSubstr;

const char* const kTasks = R"([{"task": "gsm8k", "shots": 2, "limit": 4, "max_new_tokens": 8}, {"task": "mmlu", "subjects": ["astronomy"], "shots": 1}])";

std::string with_limits(const SampleSweep& sweep, const std::string& limits) {
  const std::string text = test::read_text(sweep.file());
  sweep.write_file("sweep.json", "{\"limits\": " + limits + "," + text.substr(1));
  return text;
}

std::vector<Trial> all_failed(const std::filesystem::path& file) {
  std::vector<Trial> failed;
  SQLite::Database database(file.string());
  SQLite::Statement rows(database, "SELECT reason FROM trials WHERE status = 'failed' ORDER BY id");
  while (rows.executeStep()) failed.push_back({.reason = rows.getColumn(0).getString()});
  return failed;
}

TEST(Disturbed, KilledAtRandomMomentsAndResumed) { test::kill_and_resume(20, 20261122); }

TEST(Disturbed, ToldToStopAtRandomMomentsAndResumed) { test::stop_and_resume({SIGTERM, SIGINT, SIGHUP, SIGTERM, SIGINT, SIGUSR1}, 5); }

TEST(Disturbed, ASecondSignalStopsAtOnceAndLeavesNoWorker) {
  const DisturbedSweeps sweeps(kTasks);
  sweeps.expect_the_same([&](const SampleSweep& sweep) {
    std::chrono::steady_clock::time_point second;
    pid_t worker = 0;
    const ProgramResult run = test::run_and_meddle(sweep.run_arguments(), {.environment = sweep.environment()}, sweep.file().string(), [&](pid_t program) {
      const std::vector<pid_t> workers = test::children_of(program);
      if (workers.empty()) return false;
      ::kill(worker = workers[0], SIGSTOP);  // it will not hear that it should stop
      ::kill(program, SIGINT);
      ::usleep(100'000);
      second = std::chrono::steady_clock::now();
      return ::kill(program, SIGINT) == 0;
    });
    EXPECT_EQ(run.exit_code, 130) << run.errors;
    EXPECT_LT(std::chrono::steady_clock::now() - second, std::chrono::seconds(1));
    for (int i = 0; i < 100 && test::is_running(worker); ++i) ::usleep(20'000);  // its kernel has to get to it
    EXPECT_FALSE(test::is_running(worker));
  });
}

TEST(Disturbed, AWorkerKilledAsByTheOomKillerIsARowAndIsTriedAgainInTheSameRun) {
  const DisturbedSweeps sweeps(kTasks);
  int struck = 0;
  for (int round = 0; round < 5; ++round) {
    const SampleSweep sweep(kTasks);
    // After the first trial has been begun: its worker is at work.
    const ProgramResult run = test::run_and_meddle(sweep.run_arguments(), {.environment = sweep.environment()}, sweep.file().string(), [&](pid_t program) {
      const std::vector<pid_t> workers = test::children_of(program);
      if (workers.empty()) return false;
      ::usleep(static_cast<useconds_t>(40'000 * (round + 1)));
      return ::kill(workers[0], SIGKILL) == 0;
    });
    ASSERT_EQ(run.exit_code, 0) << run.errors;
    EXPECT_EQ(test::everything_in(sweep.store()), sweeps.expected());
    test::expect_sound(sweep.store());
    for (const Trial& trial : all_failed(sweep.store())) {
      EXPECT_THAT(trial.reason, HasSubstr("the worker that ran it was killed by signal 9 (out of memory?)"));
      ++struck;
    }
  }
  EXPECT_GT(struck, 0);
}

// A control group of memory of its own; no limit file where there is none to be had.
class MemoryGroup {
 public:
  MemoryGroup() {
    for (const auto& [root, limit] : {std::pair{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, {"/sys/fs/cgroup", "memory.max"}}) {
      folder_ = std::filesystem::path(root) / fmt::format("winnow-test-{}", ::getpid());
      std::error_code none;
      if (!std::filesystem::create_directory(folder_, none)) continue;
      limit_ = folder_ / limit;
      if (std::filesystem::exists(limit_)) return;
      std::filesystem::remove(folder_, none);
    }
    limit_.clear();
  }
  ~MemoryGroup() {
    if (is_there()) ::rmdir(folder_.c_str());
  }
  bool is_there() const { return !limit_.empty(); }
  void limit(int mebibytes) const { std::ofstream(limit_) << mebibytes * 1024LL * 1024; }
  std::string list() const { return (folder_ / "cgroup.procs").string(); }  // of its processes

 private:
  std::filesystem::path folder_, limit_;
};

// What is left for workers grows from nothing (the sweep itself is killed) to enough; between lies where they are killed and it is not.
TEST(Disturbed, TheKernelsOomKillerTakesAWorkerAndNotItsSweep) {
  const MemoryGroup group;
  if (!group.is_there()) GTEST_SKIP() << "no control group of memory can be made here";
  const DisturbedSweeps sweeps(kTasks);
  bool was_struck = false;
  for (int mebibytes = 90; mebibytes < 1000 && !was_struck; mebibytes += 10) {
    group.limit(mebibytes);
    const SampleSweep sweep(kTasks);
    std::string command = "echo $$ > " + group.list() + " && exec " + test::winnow_program().string();
    for (const std::string& word : sweep.run_arguments()) command += " '" + word + "'";
    const ProgramResult run = test::run_program({"bash", "-c", command}, {.environment = sweep.environment()});
    if (run.ended_by == SIGKILL) continue;
    ASSERT_EQ(run.exit_code, 1) << mebibytes << run.errors;
    for (const Trial& trial : all_failed(sweep.store())) {
      EXPECT_THAT(trial.reason, HasSubstr("the worker that ran it was killed by signal 9 (out of memory?)"));
      was_struck = true;
    }
    EXPECT_EQ(sweep.run().exit_code, 0);
    EXPECT_EQ(test::everything_in(sweep.store()), sweeps.expected());
    test::expect_sound(sweep.store());
  }
  EXPECT_TRUE(was_struck);
}

TEST(Disturbed, AHungWorkerIsEndedAndTheOthersRun) {
  const DisturbedSweeps sweeps(kTasks);
  const SampleSweep sweep(kTasks);
  const std::string plain = with_limits(sweep, R"({"silence_seconds": 2})");
  const ProgramResult run = test::run_and_meddle(sweep.run_arguments(), {.environment = sweep.environment()}, sweep.file().string(), [&](pid_t program) {
    const std::vector<pid_t> workers = test::children_of(program);
    return !workers.empty() && ::kill(workers[0], SIGSTOP) == 0;
  });
  EXPECT_EQ(run.exit_code, 1) << run.errors;
  ASSERT_FALSE(all_failed(sweep.store()).empty());
  EXPECT_THAT(all_failed(sweep.store())[0].reason, HasSubstr("said nothing for 2 s (limits.silence_seconds is 2) and was killed"));
  EXPECT_TRUE(test::processes_with(sweep.file().string()).empty());  // no zombie either
  sweep.write_file("sweep.json", plain);
  EXPECT_EQ(sweep.run({}, {"--retry", "failed"}).exit_code, 0);
  EXPECT_EQ(test::everything_in(sweep.store()), sweeps.expected());
}

TEST(Disturbed, ACrashIsARowWithItsSignal) {
  const SampleSweep sweep(kTasks);
  int struck = 0;
  for (int round = 0; struck == 0 && round < 20; ++round) {
    std::filesystem::remove(sweep.store());
    const ProgramResult run = test::run_and_meddle(sweep.run_arguments(), {.environment = sweep.environment()}, sweep.file().string(), [&](pid_t program) {
      const std::vector<pid_t> workers = test::children_of(program);
      if (workers.empty()) return false;
      ::usleep(static_cast<useconds_t>(20'000 * (round + 1)));
      return ::kill(workers[0], SIGSEGV) == 0;
    });
    EXPECT_THAT(run.exit_code, AnyOf(0, 1)) << run.errors;
    for (const Trial& trial : all_failed(sweep.store())) {
      EXPECT_THAT(trial.reason, HasSubstr("the worker that ran it was killed by signal 11 (Segmentation fault)"));
      EXPECT_THAT(run.errors, HasSubstr("failed: the worker that ran it was killed by signal 11"));
      ++struck;
    }
  }
  EXPECT_GT(struck, 0);
  EXPECT_EQ(sweep.run().exit_code, 0);
}

TEST(Disturbed, LimitsOfTimeAndTokensFailTheirCellsOnly) {
  const SampleSweep sweep(kTasks);
  const std::string plain = with_limits(sweep, R"({"tokens": 700})");
  const ProgramResult few = sweep.run();
  EXPECT_EQ(few.exit_code, 1);
  EXPECT_THAT(few.errors, HasSubstr("failed: more than the 700 tokens of limits.tokens went through the layers"));
  EXPECT_THAT(few.errors, HasSubstr("mmlu: acc "));  // keeps within it
  sweep.write_file("sweep.json", plain);
  with_limits(sweep, R"({"seconds": 0.001})");
  const ProgramResult quick = sweep.run();
  EXPECT_EQ(quick.exit_code, 1);
  EXPECT_THAT(quick.errors, HasSubstr("failed: timed out after 0 s: limits.seconds is 0.001"));
}

TEST(Disturbed, AMemoryLimitIsARecordedOutcomeAfterOneMoreTry) {
  const SampleSweep sweep(R"([{"task": "gsm8k", "shots": 2, "limit": 4, "max_new_tokens": 8}])");
  with_limits(sweep, R"({"memory_bytes": 67108864})");  // less than libtorch takes to begin
  const ProgramResult run = sweep.run();
  EXPECT_EQ(run.exit_code, 1) << run.errors;
  const std::vector<Trial> failed = all_failed(sweep.store());
  EXPECT_GE(failed.size(), 2u);
  for (const Trial& trial : failed) EXPECT_THAT(trial.reason, AnyOf(HasSubstr("out of memory"), HasSubstr("the worker that ran it"))) << trial.reason;
}

TEST(Disturbed, EightProcessesOfTwoSweepsOnOneStore) {
  const DisturbedSweeps sweeps(kTasks);
  const SampleSweep one(kTasks), two(R"([{"task": "wikitext", "max_length": 128}, {"task": "mmlu", "subjects": ["astronomy"], "shots": 1}])");
  std::vector<std::future<ProgramResult>> runs;
  for (int i = 0; i < 8; ++i)
    runs.push_back(std::async(std::launch::async, [&, i] { return (i % 2 == 0 ? one : two).run({.seconds = 400}, {"--store", one.store().string()}); }));
  for (std::future<ProgramResult>& run : runs) {
    const ProgramResult result = run.get();
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_EQ(result.errors.find("locked"), std::string::npos) << result.errors;
  }
  std::map<std::string, std::string> found = test::everything_in(one.store());
  std::erase_if(found, [](const auto& entry) { return entry.first.find("wikitext") != std::string::npos; });
  EXPECT_EQ(found, sweeps.expected());
  test::expect_sound(one.store());
  SQLite::Database database(one.store().string());
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM trials").getInt(), 6);  // each cell once
}

TEST(Disturbed, WorkersSideBySideGiveTheSameTables) {
  const DisturbedSweeps sweeps(kTasks);
  const SampleSweep sweep(kTasks);
  const ProgramResult run = sweep.run({}, {"--workers", "2"});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(test::everything_in(sweep.store()), sweeps.expected());
}

}  // namespace
}  // namespace winnow
