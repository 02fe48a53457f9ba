// Sweeps on a system that lets them down: its clock, its file systems, its memory, its standard streams. tests/preload plays the system.
#include <sys/mount.h>

#include <algorithm>
#include <csignal>
#include <future>

#include "tests/disturbed/disturbed_sweep.h"

namespace winnow {
namespace {

using test::DisturbedSweeps;
using test::ProgramOptions;
using test::ProgramResult;
using test::SampleSweep;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const char* const kTasks = R"([{"task": "gsm8k", "shots": 0, "limit": 2, "max_new_tokens": 4}, {"task": "mmlu", "subjects": ["astronomy"], "shots": 1}])";

class Hostile : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("ASAN_OPTIONS") != nullptr) GTEST_SKIP() << "the sanitizer's library has to be the first that is loaded";
  }
  // The system with these of its manners.
  static ProgramOptions with(std::map<std::string, std::string> manners) {
    manners["LD_PRELOAD"] = (test::winnow_program().parent_path() / "tests/libwinnow_hostile_system.so").string();
    return {.environment = std::move(manners)};
  }
  static void expect_one_sentence(const ProgramResult& run, int exit_code, const std::string& sentence) {
    EXPECT_EQ(run.exit_code, exit_code) << run.errors;
    EXPECT_THAT(run.errors, AllOf(StartsWith("winnow: "), HasSubstr(sentence)));
    EXPECT_EQ(std::count(run.errors.begin(), run.errors.end(), '\n'), 1) << run.errors;
  }
};

std::string reason_of_first(const std::filesystem::path& file) { return Store::open_read_only(file).latest().at(0).reason; }

TEST_F(Hostile, AClockThatIsSetBackLosesNoTimeAndNoOrder) {
  const DisturbedSweeps sweeps(kTasks);
  const SampleSweep sweep(kTasks);
  const ProgramOptions options = with({{"HOSTILE_CLOCK", (sweep.folder() / "cache").string()}, {"WINNOW_CACHE", "/nonexistent"}});
  const std::string plain = test::read_text(sweep.file());
  const auto limited_to = [&](int tokens) {
    sweep.write_file("sweep.json", fmt::format(R"({{"limits": {{"tokens": {}}}, )", tokens) + plain.substr(1));
    return sweep.run(options).exit_code;
  };
  EXPECT_EQ(limited_to(20), 1);
  EXPECT_THAT(reason_of_first(sweep.store()), HasSubstr("more than the 20 tokens"));
  std::filesystem::create_directory(sweep.folder() / "cache");  // from here the clock is a day behind
  EXPECT_EQ(limited_to(10), 1);
  EXPECT_THAT(reason_of_first(sweep.store()), HasSubstr("more than the 10 tokens")) << "the newest trial, though its time is the earlier one";
  sweep.write_file("sweep.json", plain);
  std::filesystem::remove(sweep.folder() / "cache");
  const ProgramResult run = test::run_and_meddle(sweep.run_arguments(), options, sweep.file().string(), [&](pid_t program) {
    return !test::children_of(program).empty() && std::filesystem::create_directory(sweep.folder() / "cache");
  });
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(test::everything_in(sweep.store()), sweeps.expected());
  Store store = Store::open_read_only(sweep.store());
  for (const Trial& trial : store.latest()) {
    for (const auto& [phase, seconds] : trial.seconds) EXPECT_TRUE(seconds >= 0 && seconds < 600) << phase << " " << seconds;
  }
}

TEST_F(Hostile, ANetworkFileSystemIsRefusedBeforeAnythingIsWrittenAndCanBeReadFrom) {
  const SampleSweep sweep(kTasks);
  expect_one_sentence(sweep.run(with({{"HOSTILE_STATFS", "0x6969"}})), 3,
                      sweep.store().string() + ": lies on NFS, where SQLite's write-ahead log is not safe; name a store on a local disk with --store");
  EXPECT_FALSE(std::filesystem::exists(sweep.store()));
  ASSERT_EQ(sweep.run().exit_code, 0);
  const ProgramResult report = test::run_winnow({"report", sweep.store().string()}, with({{"HOSTILE_STATFS", "0x6969"}}));
  EXPECT_EQ(report.exit_code, 0) << report.errors;
  EXPECT_EQ(report.output, test::run_winnow({"report", sweep.store().string()}).output);
}

// As some FUSE file systems do, whatever type they name.
TEST_F(Hostile, AFileSystemWithoutSharedMapsIsRefusedWithTheWayOut) {
  const SampleSweep sweep(kTasks);
  expect_one_sentence(sweep.run(with({{"HOSTILE_NO_SHARED_MAPS", "1"}})), 3, "name a store on a local disk with --store");
}

TEST_F(Hostile, MemoryRefusedOnceAtAnyMomentIsAnOutcomeAndTheCellIsTriedAgain) {
  const DisturbedSweeps sweeps(kTasks);
  bool was_refused = true;
  for (int block = 1; was_refused; block *= 4) {
    SCOPED_TRACE(block);
    const SampleSweep sweep(kTasks);
    sweep.write_file("memory", std::to_string(block));
    const ProgramResult run = sweep.run(with({{"HOSTILE_MEMORY", (sweep.folder() / "memory").string()}}));
    was_refused = !std::filesystem::exists(sweep.folder() / "memory");
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    if (was_refused) EXPECT_THAT(run.errors, HasSubstr("out of memory"));
    EXPECT_EQ(test::everything_in(sweep.store()), sweeps.expected());
    test::expect_sound(sweep.store());
  }
}

TEST_F(Hostile, MemoryThatRunsOutForGoodFailsCellsAndTheSameCommandGoesOnWhenThereIsSome) {
  const DisturbedSweeps sweeps(kTasks);
  for (const int block : {1, 40, 300}) {
    SCOPED_TRACE(block);
    const SampleSweep sweep(kTasks);
    sweep.write_file("memory", std::to_string(block) + " and on");
    const ProgramResult run = sweep.run(with({{"HOSTILE_MEMORY", (sweep.folder() / "memory").string()}}));
    EXPECT_EQ(run.exit_code, 1) << run.errors;
    SQLite::Database database(sweep.store().string());
    EXPECT_GE(database.execAndGet("SELECT count(*) FROM trials WHERE reason LIKE '%out of memory%'").getInt(), 2) << "each is tried twice";
    EXPECT_EQ(database.execAndGet("SELECT count(*) FROM trials WHERE status <> 'ok' AND reason NOT LIKE '%out of memory%'").getInt(), 0) << run.errors;
    EXPECT_EQ(sweep.run().exit_code, 0);
    EXPECT_EQ(test::everything_in(sweep.store()), sweeps.expected());
  }
}

TEST_F(Hostile, AReadOnlyFolderIsSaidBeforeAnyModelIsOpenedAndCanBeReadFrom) {
  const SampleSweep sweep(kTasks);
  const std::filesystem::path disk = sweep.folder() / "disk";
  std::filesystem::create_directory(disk);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=8m") != 0) GTEST_SKIP() << "cannot mount a small file system here";
  const std::string store = (disk / "sample.sqlite").string();
  ASSERT_EQ(sweep.run({}, {"--store", store}).exit_code, 0);
  const std::string table = test::run_winnow({"report", store}).output;
  ASSERT_EQ(::mount("none", disk.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=8m"), 0);
  expect_one_sentence(sweep.run({}, {"--store", store, "--set", "models[0].path=/nonexistent"}), 3, "the store cannot be written: ");
  const ProgramResult report = test::run_winnow({"report", store});
  EXPECT_EQ(report.output, table) << report.errors;
  ::umount(disk.c_str());
}

TEST_F(Hostile, ClosedStandardStreamsDoNotEndUpInAFile) {
  const DisturbedSweeps sweeps(kTasks);
  const SampleSweep sweep(kTasks);
  std::string command = test::winnow_program().string();
  for (const std::string& word : sweep.run_arguments()) command += " '" + word + "'";
  const std::filesystem::path lock = sweep.store().string() + "-lock";  // the first file that is opened to be written
  std::uintmax_t written = 0;
  std::future<ProgramResult> running = std::async(std::launch::async, [&] {
    return test::run_program({"bash", "-c", "exec " + command + " <&- 2>&-"}, {.environment = sweep.environment()});
  });
  while (running.wait_for(std::chrono::milliseconds(2)) != std::future_status::ready) {
    std::error_code none;
    if (const std::uintmax_t size = std::filesystem::file_size(lock, none); !none) written = std::max(written, size);
  }
  const ProgramResult run = running.get();
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(written, 0u);
  EXPECT_THAT(run.output, HasSubstr("| tiny | random-6 |"));
  EXPECT_EQ(test::everything_in(sweep.store()), sweeps.expected());
  test::expect_sound(sweep.store());
  const std::string report = test::winnow_program().string() + " report " + sweep.store().string();
  expect_one_sentence(test::run_program({"bash", "-c", report + " >&-"}), 3, "standard output cannot be written: Bad file descriptor");
  expect_one_sentence(test::run_program({"bash", "-c", report + " > /dev/full"}), 3, "standard output cannot be written: No space left on device");
  EXPECT_EQ(test::run_program({"bash", "-c", "set -o pipefail; " + report + " | head -1"}).exit_code, 0);
  test::expect_sound(sweep.store());
}

}  // namespace
}  // namespace winnow
