#include "harness/engine/parallel.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace winnow {
namespace {

// About 30 µs: longer than what lies between two regions of a decode step, shorter than a time slice.
constexpr int kSpins = 1500;

thread_local bool inside_task = false;

// A region ends when all its tasks are done, not when all threads have arrived (as OpenMP's barrier wants it): a worker that the system has not
// scheduled, because the machine is busy, costs nothing.
class Pool {
 public:
  static Pool& instance() {
    static Pool pool;
    return pool;
  }

  ~Pool() {
    stopping_ = true;
    epoch_.fetch_add(1);
    epoch_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  bool try_run(std::int64_t count, const std::function<void(std::int64_t)>& task, int threads) {
    const std::unique_lock<std::mutex> lock(busy_, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    while (static_cast<int>(workers_.size()) < threads - 1) workers_.emplace_back([this, index = static_cast<int>(workers_.size())] { work(index); });
    const std::uint32_t epoch = epoch_.load(std::memory_order_relaxed) + 1;
    const Region region{task, count};
    region_.store(&region, std::memory_order_relaxed);
    helpers_.store(threads - 1, std::memory_order_relaxed);
    unfinished_.store(static_cast<std::uint32_t>(count), std::memory_order_relaxed);
    state_.store(std::uint64_t{epoch} << 32 | static_cast<std::uint32_t>(count), std::memory_order_release);
    epoch_.store(epoch, std::memory_order_release);
    epoch_.notify_all();
    take_tasks(epoch);
    wait_until_done();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    return true;
  }

 private:
  struct Region {
    const std::function<void(std::int64_t)>& task;
    std::int64_t count;
  };

  void work(int index) {
    std::uint32_t seen = 0;
    while (true) {
      for (int spin = 0; spin < kSpins && epoch_.load(std::memory_order_relaxed) == seen; ++spin) __builtin_ia32_pause();
      epoch_.wait(seen);
      seen = epoch_.load(std::memory_order_acquire);
      if (stopping_) return;
      if (index < helpers_.load(std::memory_order_relaxed)) take_tasks(seen);
    }
  }

  // A task is claimed together with the epoch and with how many are left, and nothing but these two decides whether there is one: a late worker finds
  // none left, or another epoch, whatever of the next region is there already. A region with a claimed task does not end, so it is looked at only then.
  void take_tasks(std::uint32_t epoch) {
    inside_task = true;
    std::uint64_t state = state_.load(std::memory_order_acquire);
    while ((state >> 32) == epoch && left_in(state) > 0) {
      if (!state_.compare_exchange_weak(state, state - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      const Region& region = *region_.load(std::memory_order_relaxed);
      run_one(region.task, region.count - left_in(state));
      if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_all();
      state = state_.load(std::memory_order_acquire);
    }
    inside_task = false;
  }

  static std::int64_t left_in(std::uint64_t state) { return static_cast<std::int64_t>(state & 0xffffffffu); }

  void run_one(const std::function<void(std::int64_t)>& task, std::int64_t index) {
    try {
      task(index);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(failure_lock_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void wait_until_done() {
    for (int spin = 0; spin < kSpins; ++spin) {
      if (unfinished_.load(std::memory_order_acquire) == 0) return;
      __builtin_ia32_pause();
    }
    for (std::uint32_t left = unfinished_.load(std::memory_order_acquire); left != 0; left = unfinished_.load(std::memory_order_acquire))
      unfinished_.wait(left);
  }

  std::mutex busy_, failure_lock_;
  std::vector<std::thread> workers_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint32_t> epoch_ = 0, unfinished_ = 0;
  std::atomic<std::uint64_t> state_ = 0;  // epoch << 32 | tasks that nobody has claimed
  std::atomic<const Region*> region_ = nullptr;
  std::atomic<int> helpers_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

void run_tasks(std::int64_t count, const std::function<void(std::int64_t)>& task) {
  const int threads = static_cast<int>(std::min<std::int64_t>(at::get_num_threads(), count));
  if (threads > 1 && !inside_task && Pool::instance().try_run(count, task, threads)) return;
  for (std::int64_t index = 0; index < count; ++index) task(index);
}

void run_ranges(std::int64_t count, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& body) {
  run_tasks((count + grain - 1) / grain, [&](std::int64_t range) { body(range * grain, std::min(count, (range + 1) * grain)); });
}

}  // namespace winnow
