// What Winnow takes for itself.
#include <sys/resource.h>

#include <fstream>

#include "tests/disturbed/disturbed_sweep.h"

namespace winnow {
namespace {

using test::ProgramResult;
using test::SampleSweep;

constexpr int kCells = 1000;

// Tasks of one question each, all the same one, answered from a file.
void write_tiny_tasks(const SampleSweep& sweep) {
  std::string tasks;
  for (int i = 0; i < kCells; ++i) tasks += fmt::format(R"({}{{"task": "gsm8k", "shots": 0, "limit": 1, "seed": {}}})", i == 0 ? "" : ", ", i);
  sweep.write_file(
      "sweep.json",
      fmt::format(
          R"({{"name": "sample", "models": [{{"name": "theirs", "recorded": "answers.jsonl"}}], "variants": [{{"label": "dense", "steps": []}}], "tasks": [{}]}})",
          tasks));
  const std::string requests = (sweep.folder() / "requests.jsonl").string();
  sweep.write_file("answers.jsonl", R"({"kind": "generate", "context": "x", "reply": "x"})");
  const ProgramResult made =
      test::run_winnow({"requests", sweep.file().string(), "--out", requests, "--unverified-data", "--data", test::fixture("sample_data").string()});
  ASSERT_EQ(made.exit_code, 0) << made.errors;
  Json line = Json::parse(test::read_text(requests));
  line["reply"] = " #### 12";
  sweep.write_file("answers.jsonl", line.dump() + "\n");
}

double processor_seconds_of_children() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// How long a process was ready to go on while others had the processors; nothing once it has ended.
std::optional<double> seconds_kept_waiting(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/schedstat");
  double ran = 0, waited = 0;
  if (!(file >> ran >> waited)) return std::nullopt;
  return waited * 1e-9;
}

// Of a run: that of its first process before and after its worker, and that of the worker meanwhile, as seen last.
struct KeptWaiting {
  double before = 0, at_end_of_worker = 0, last = 0, worker = 0;
  double seconds() const { return before + worker + last - at_end_of_worker; }
};

// By two clocks. Processor time counts all work, whoever waits for it. Of the clock on the wall, which people wait by and which counts the waits for the
// disk too, is taken off only what others had the processors while Winnow was ready to go on: of that, a test machine that runs other tests has any amount.
TEST(Overhead, AThousandTinyCellsTakeUnderFiveMillisecondsEachByEitherClock) {
  const SampleSweep sweep;
  ASSERT_NO_FATAL_FAILURE(write_tiny_tasks(sweep));
  std::vector<std::string> arguments = sweep.run_arguments();
  arguments.push_back("--quiet");
  KeptWaiting kept;
  pid_t worker = 0;
  const double before = processor_seconds_of_children();
  const ProgramResult run = test::run_and_meddle(arguments, {.environment = sweep.environment()}, sweep.file().string(), [&](pid_t program) {
    kept.last = seconds_kept_waiting(program).value_or(kept.last);
    if (worker == 0) {
      const std::vector<pid_t> workers = test::children_of(program);
      if (workers.empty()) return false;
      worker = workers[0];
      kept.before = kept.last;
    }
    if (const std::optional<double> waited = seconds_kept_waiting(worker); waited && test::is_running(worker)) {
      kept.worker = *waited;
      kept.at_end_of_worker = kept.last;
    }
    ::usleep(5000);
    return false;
  });
  const double processors = processor_seconds_of_children() - before, wall = run.seconds - kept.seconds();
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(run.errors, "winnow: 1000 of 1000 cells ran\n");
  EXPECT_GT(worker, 0);
  std::printf("a cell: %.2f ms of processors; %.2f ms by the wall, %.2f of which others had the processors\n", processors, run.seconds, kept.seconds());
  EXPECT_LT(processors, 0.005 * kCells);
  EXPECT_LT(wall, 0.005 * kCells);
}

}  // namespace
}  // namespace winnow
