#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace winnow {

// Resident memory of this process, from /proc/self/status.
struct ResidentBytes {
  std::int64_t total = 0;      // VmRSS
  std::int64_t anonymous = 0;  // RssAnon: heap, stacks
  std::int64_t file = 0;       // RssFile: mapped files, which the kernel may drop
  std::int64_t peak = 0;       // VmHWM
};
ResidentBytes resident_bytes();

// Peaks since it was made or restarted: the kernel's own high-water mark for the total (reset through /proc/self/clear_refs), samples of a
// thread for the two kinds of pages.
class MemoryWatch {
 public:
  explicit MemoryWatch(std::chrono::milliseconds every = std::chrono::milliseconds(50));
  ~MemoryWatch();
  void restart();
  ResidentBytes peaks();  // `total` and `peak` are the same

 private:
  void sample();  // with mutex_ held

  std::mutex mutex_;
  std::condition_variable_any wake_;
  ResidentBytes largest_;
  bool kernel_mark_is_ours_ = false;
  std::jthread thread_;
};

}  // namespace winnow
