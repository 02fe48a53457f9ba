// The disk under a store: its power fails, or one of its operations does.
#include "tests/results/power_cut_disk.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/results/cell_runs.h"
#include "tests/support/errors.h"

namespace winnow {
namespace {

using test::PowerCutDisk;
using Fault = PowerCutDisk::Fault;

class PowerCut : public testing::Test {
 protected:
  static constexpr int kExamples = 80;  // answers enough for SQLite to copy its log into the store meanwhile

  PowerCut() {
    run_in(test::TemporaryFolder());
    operations_of_a_run_ = disk_.operations();
  }

  // Runs the cells and notes which it was told are finished.
  void run_in(const test::TemporaryFolder& folder) {
    const std::filesystem::path file = folder / "store.sqlite";
    try {
      test::run_cells(file, cells_, kExamples, [&](const Cell& cell) { told_finished_.insert(cell.key); });
      if (expected_.empty()) expected_ = test::contents(file);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      EXPECT_THAT(error.what(), testing::StartsWith(file.string() + ": the store cannot be read or written: "));
    }
  }

  void expect_whole_and_resumed(const test::TemporaryFolder& folder) {
    const std::filesystem::path file = folder / "store.sqlite";
    EXPECT_THAT(Store::open(file).finished_keys(), testing::IsSupersetOf(told_finished_));
    test::expect_sound(file);
    run_in(folder);
    EXPECT_EQ(test::contents(file), expected_);
    test::expect_sound(file);
  }

  PowerCutDisk disk_;
  const std::vector<Cell> cells_ = test::make_cells(2);
  std::vector<std::string> expected_;
  std::set<std::string> told_finished_;
  int operations_of_a_run_ = 0;
};

TEST_F(PowerCut, WhatWasToldToBeFinishedIsThereWhenThePowerIsBack) {
  std::mt19937 random(20261122);
  int finished_before = 0;
  for (int cut = 0; cut < 50; ++cut) {
    SCOPED_TRACE(cut);
    const test::TemporaryFolder before, after;
    told_finished_.clear();
    disk_.fail_at(1 + operations_of_a_run_ * cut / 50, Fault::kPowerCut);
    run_in(before);
    disk_.repair();
    finished_before += static_cast<int>(told_finished_.size());
    disk_.write_what_is_left(before.path(), after.path(), random);
    expect_whole_and_resumed(after);
  }
  EXPECT_GT(finished_before, 10);
}

TEST_F(PowerCut, AnErrorOfTheDiskIsSaidAndTheSameCommandGoesOn) {
  for (int error = 0; error < 50; ++error) {
    SCOPED_TRACE(error);
    const test::TemporaryFolder folder;
    told_finished_.clear();
    disk_.fail_at(1 + operations_of_a_run_ * error / 50, Fault::kOneError);
    run_in(folder);
    disk_.repair();
    expect_whole_and_resumed(folder);
  }
}

}  // namespace
}  // namespace winnow
