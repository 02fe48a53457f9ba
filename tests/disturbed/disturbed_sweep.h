#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <map>
#include <random>
#include <set>
#include <string>

#include "results/store.h"
#include "tests/support/errors.h"
#include "tests/support/processes.h"
#include "tests/support/sample_sweep.h"

namespace winnow::test {

// Everything a store says of the newest good trial of each cell, but for times and memory; and every answer. Six digits: how requests are packed after
// a resume changes the order of sums in f32.
inline std::map<std::string, std::string> everything_in(const std::filesystem::path& file) {
  Store store = Store::open_read_only(file);
  std::map<std::string, std::string> everything;
  for (const Trial& trial : store.latest()) {
    const std::string cell = trial.cell.variant + " · " + trial.cell.task_label;
    everything[cell] = trial.status == TrialStatus::kOk ? "ok" : trial.reason;
    for (const Metric& metric : trial.metrics) {
      if (metric.unit == "bytes" || metric.unit == "tokens" || metric.unit == "tokens/s" || metric.unit == "seconds") continue;
      everything[cell + " " + metric.leaf + " " + metric.name + " " + metric.filter] =
          fmt::format("{:.6g} ± {:.6g} (n = {})", metric.value, metric.standard_error.value_or(0), metric.count);
    }
    store.for_each_answer(trial.id, [&](const RecordedAnswer& answer) {
      const std::string name = fmt::format("{} {}/{}/{}", cell, answer.example.leaf, answer.example.doc_id, answer.answers.at(0).filter);
      const bool is_new = everything.emplace(name, answer.prompt + "\x1f" + answer.raw_reply + "\x1f" + answer.answers[0].reply).second;
      EXPECT_TRUE(is_new) << name << " twice";
    });
  }
  return everything;
}

inline void expect_sound(const std::filesystem::path& file) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
  EXPECT_EQ(database.execAndGet("PRAGMA integrity_check").getString(), "ok");
  SQLite::Statement broken(database, "PRAGMA foreign_key_check");
  EXPECT_FALSE(broken.executeStep());
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM trials WHERE status = 'running'").getInt(), 0);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM (SELECT 1 FROM answers GROUP BY trial_id, example_id, filter HAVING count(*) > 1)").getInt(), 0);
}

inline void expect_nothing_left_beside(const SampleSweep& sweep) {
  for (const auto& entry : std::filesystem::directory_iterator(sweep.folder().path())) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(name == "sweep.json" || name == "sample.sqlite" || name == "sample.cache" || name == "cache") << name;
  }
}

// A sweep that was run to its end without any disturbance, and others that are run to the same end through some.
class DisturbedSweeps {
 public:
  explicit DisturbedSweeps(const std::string& tasks) : tasks_(tasks), undisturbed_(tasks) {
    const ProgramResult whole = undisturbed_.run();
    EXPECT_EQ(whole.exit_code, 0) << whole.errors;
    seconds_ = whole.seconds;
    expected_ = everything_in(undisturbed_.store());
  }

  double seconds() const { return seconds_; }

  // A new sweep, `disturb`ed once and then resumed.
  void expect_the_same(const std::function<void(const SampleSweep&)>& disturb) const {
    const SampleSweep sweep(tasks_);
    disturb(sweep);
    const ProgramResult resumed = sweep.run();
    ASSERT_EQ(resumed.exit_code, 0) << resumed.errors;
    EXPECT_EQ(everything_in(sweep.store()), expected_);
    expect_sound(sweep.store());
    expect_nothing_left_beside(sweep);
  }

  const std::map<std::string, std::string>& expected() const { return expected_; }

 private:
  std::string tasks_;
  SampleSweep undisturbed_;
  double seconds_ = 0;
  std::map<std::string, std::string> expected_;
};

inline const char* const kThreeTasks =
    R"([{"task": "gsm8k", "shots": 0, "limit": 3, "max_new_tokens": 8}, {"task": "mmlu", "subjects": ["astronomy"], "shots": 1}, {"task": "wikitext", "max_length": 128}])";

// Sends a signal to as many sweeps, each at a random moment, and resumes them. They end within seconds of it, having said how to go on, unless they
// were at their end already or had not begun (then the signal does what it does to any program).
inline void stop_and_resume(const std::vector<int>& signals, unsigned seed) {
  const DisturbedSweeps sweeps(kThreeTasks);
  std::mt19937 random(seed);
  int stopped = 0;
  for (const int signal : signals) {
    SCOPED_TRACE(fmt::format("signal {}", signal));
    sweeps.expect_the_same([&](const SampleSweep& sweep) {
      const double moment = std::uniform_real_distribution(0.02, sweeps.seconds())(random);
      const ProgramResult run = sweep.run({.signal_after = moment, .signal = signal});
      const int code = signal == SIGINT ? 130 : signal == SIGTERM ? 143 : 75;
      if (run.exit_code == code) {
        ++stopped;
        EXPECT_LT(run.seconds - moment, 15) << run.errors;  // five on a machine of its own
        EXPECT_NE(run.errors.find("everything answered so far is saved"), std::string::npos) << run.errors;
      } else {
        EXPECT_TRUE(run.exit_code == 0 || run.ended_by == signal) << run.exit_code << run.errors;
      }
    });
  }
  EXPECT_GT(stopped, 0);
}

// Kills `count` sweeps at random moments, every second time the parent alone (its workers have to die by themselves), and resumes them.
inline void kill_and_resume(int count, unsigned seed) {
  const DisturbedSweeps sweeps(kThreeTasks);
  std::mt19937 random(seed);
  int killed = 0;
  for (int round = 0; killed < count && round < 3 * count; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    sweeps.expect_the_same([&](const SampleSweep& sweep) {
      const double moment = std::uniform_real_distribution(0.02, sweeps.seconds())(random);
      if (round % 2 == 0) {
        killed += sweep.run({.signal_after = moment}).ended_by == SIGKILL;
      } else {
        const auto start = std::chrono::steady_clock::now();
        const ProgramResult run = run_and_meddle(sweep.run_arguments(), {.environment = sweep.environment()}, sweep.file().string(), [&](pid_t program) {
          if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < moment) return false;
          return ::kill(program, SIGKILL) == 0;
        });
        killed += run.ended_by == SIGKILL;
      }
    });
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_EQ(killed, count);
}

}  // namespace winnow::test
