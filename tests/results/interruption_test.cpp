// Dying at any moment, and several processes on one store.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <random>

#include "tests/results/cell_runs.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using test::contents;
using test::expect_sound;
using test::make_answer;
using test::make_cells;
using test::run_cells;

pid_t start(const std::function<void()>& act) {
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");  // a kill of -1 would go to everybody
  if (child != 0) return child;
  try {
    act();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    ::_exit(1);
  }
  ::_exit(0);
}

// Runs the cells into the store again and again, killing each run at a random moment, until one gets to its end.
int kill_until_done(const std::filesystem::path& file, const std::vector<Cell>& cells, int examples, std::mt19937& random) {
  for (int kills = 0;; ++kills) {  // later and later: on a busy machine the first moments may all fall into the opening of the store
    const pid_t child = start([&] { run_cells(file, cells, examples); });
    ::usleep(static_cast<useconds_t>(random() % (12000 + 500 * static_cast<unsigned>(kills))));
    ::kill(child, SIGKILL);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) continue;
    EXPECT_EQ(WEXITSTATUS(status), 0);
    return kills;
  }
}

TEST(Interruption, KilledAtAnyMomentAndResumedEndsInTheSameTables) {
  const test::TemporaryFolder folder;
  const std::vector<Cell> cells = make_cells(4);
  constexpr int kExamples = 30;
  run_cells(folder / "undisturbed.sqlite", cells, kExamples);
  const std::vector<std::string> expected = contents(folder / "undisturbed.sqlite");
  std::mt19937 random(7);
  int kills = 0;
  for (int round = 0; kills < 30; ++round) {  // a quick disk survives few kills a round
    const test::TemporaryFolder killed;
    const std::filesystem::path file = killed / "killed.sqlite";
    kills += kill_until_done(file, cells, kExamples, random);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(killed.path()), {}), 1);  // no log, no lock is left
    const std::vector<std::string> found = contents(file);
    std::vector<std::string> differing;
    std::ranges::set_symmetric_difference(found, expected, std::back_inserter(differing));
    EXPECT_THAT(differing, testing::IsEmpty());
    expect_sound(file);
  }
}

TEST(Interruption, EightProcessesOnOneStoreShareTheCells) {
  const test::TemporaryFolder folder;
  const std::filesystem::path file = folder / "store.sqlite";
  const std::vector<Cell> all = make_cells(24);
  std::vector<pid_t> children;
  for (int process = 0; process < 8; ++process) {
    children.push_back(start([&] { run_cells(file, all, 6); }));
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  expect_sound(file);
  SQLite::Database database(file.string());
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM trials WHERE status = 'ok'").getInt(), 24);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM trials").getInt(), 24);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM answers").getInt(), 24 * 6 * 2);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM examples").getInt(), 6);
}

TEST(Interruption, ACellOfALiveProcessIsLeftAloneAndOfADeadOneTaken) {
  const test::TemporaryFolder folder;
  const std::filesystem::path file = folder / "store.sqlite";
  const Cell cell = make_cells(1)[0];
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = start([&] {
    Store store = Store::open(file);
    store.append(store.begin(cell, {}).id, std::vector{make_answer(0)}, {});
    if (::write(ready[1], "x", 1) != 1) return;
    ::pause();
  });
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  Store store = Store::open(file);
  EXPECT_EQ(store.begin(cell, {}).id, 0);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto trial = store.begin(cell, {});
  EXPECT_GT(trial.id, 0);
  EXPECT_EQ(trial.answered.size(), 1u);
}

}  // namespace
}  // namespace winnow
