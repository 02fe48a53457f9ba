#include "harness/engine/parallel.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace winnow {
namespace {

class Parallel : public testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(4); }
  void TearDown() override { at::set_num_threads(threads_); }

 private:
  const int threads_ = at::get_num_threads();
};

TEST_F(Parallel, EveryTaskRunsOnce) {
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::atomic<int>> runs(round % 37);
    run_tasks(static_cast<std::int64_t>(runs.size()), [&](std::int64_t index) { runs[index].fetch_add(1); });
    for (const std::atomic<int>& count : runs) ASSERT_EQ(count.load(), 1);
  }
}

// A thread that comes late from a small region must not take the next one's larger count for its own.
TEST_F(Parallel, RegionsOfChangingSizeFollowEachOther) {
  at::set_num_threads(3);
  std::vector<std::atomic<int>> runs(64);
  for (int round = 0; round < 100000; ++round) {
    const std::size_t count = round % 2 == 0 ? 2 : 64;
    for (std::size_t i = 0; i < count; ++i) runs[i].store(0, std::memory_order_relaxed);
    run_tasks(static_cast<std::int64_t>(count), [&](std::int64_t index) { runs.at(static_cast<std::size_t>(index)).fetch_add(1, std::memory_order_relaxed); });
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(runs[i].load(), 1) << round;
  }
}

TEST_F(Parallel, RangesCoverEverythingOnce) {
  std::vector<std::atomic<int>> runs(1001);
  run_ranges(1001, 10, [&](std::int64_t first, std::int64_t last) {
    EXPECT_LE(last - first, 10);
    for (std::int64_t index = first; index < last; ++index) runs[index].fetch_add(1);
  });
  for (const std::atomic<int>& count : runs) ASSERT_EQ(count.load(), 1);
}

TEST_F(Parallel, AnExceptionReachesTheCallerAndThePoolLivesOn) {
  EXPECT_THROW(run_tasks(20,
                         [](std::int64_t index) {
                           if (index == 7) throw std::runtime_error("seven");
                         }),
               std::runtime_error);
  std::atomic<int> runs = 0;
  run_tasks(20, [&](std::int64_t) { runs.fetch_add(1); });
  EXPECT_EQ(runs.load(), 20);
}

TEST_F(Parallel, NestedAndConcurrentCallsRunInTheirCaller) {
  std::atomic<int> runs = 0;
  run_tasks(8, [&](std::int64_t) { run_tasks(5, [&](std::int64_t) { runs.fetch_add(1); }); });
  EXPECT_EQ(runs.load(), 40);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) run_tasks(10, [&](std::int64_t) { runs.fetch_add(1); });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(runs.load(), 3040);
}

}  // namespace
}  // namespace winnow
