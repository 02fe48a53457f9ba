#include "harness/sweep/memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include "harness/sweep/surroundings.h"

namespace winnow {
namespace {

constexpr std::size_t kBlock = std::size_t{64} << 20;

// Straight from the kernel: an allocator may keep what is freed.
void touch_a_block() {
  void* block = mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  std::memset(block, 1, kBlock);
  munmap(block, kBlock);
}

TEST(MemoryWatch, SeesAPeakThatIsGoneAgainAndForgetsItAfterARestart) {
  MemoryWatch watch(std::chrono::milliseconds(1));
  const std::int64_t before = resident_bytes().total;
  touch_a_block();
  const ResidentBytes peaks = watch.peaks();
  EXPECT_GE(peaks.total, before + static_cast<std::int64_t>(kBlock) / 2);
  EXPECT_GE(peaks.total, peaks.anonymous);
  EXPECT_GT(peaks.file, 0);
  watch.restart();
  EXPECT_LT(watch.peaks().total, peaks.total - static_cast<std::int64_t>(kBlock) / 2);
}

TEST(Surroundings, SayWhatTheMachineIs) {
  const Json machine = surroundings();
  EXPECT_FALSE(machine["cpu"].get<std::string>().empty());
  EXPECT_GE(machine["cores"].get<int>(), 1);
  EXPECT_GT(machine["memory_bytes"].get<std::int64_t>(), 1 << 28);
  EXPECT_EQ(machine["load_average"].size(), 3u);
}

}  // namespace
}  // namespace winnow
