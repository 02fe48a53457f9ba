#include "harness/engine/parallel.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
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
    task_.store(&task, std::memory_order_relaxed);
    count_.store(count, std::memory_order_relaxed);
    helpers_.store(threads - 1, std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
    state_.store(std::uint64_t{epoch} << 32, std::memory_order_release);
    epoch_.store(epoch, std::memory_order_release);
    epoch_.notify_all();
    take_tasks(epoch);
    wait_until_done(static_cast<std::uint32_t>(count));
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    return true;
  }

 private:
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

  // The next task is claimed together with the epoch: a late worker finds another epoch there and claims nothing. What it read of the region
  // before a claim that succeeds belongs to that region, which cannot have ended.
  void take_tasks(std::uint32_t epoch) {
    inside_task = true;
    std::uint64_t state = state_.load(std::memory_order_acquire);
    while ((state >> 32) == epoch) {
      const std::int64_t next = static_cast<std::int64_t>(state & 0xffffffffu);
      const std::function<void(std::int64_t)>* task = task_.load(std::memory_order_relaxed);
      const std::int64_t count = count_.load(std::memory_order_relaxed);
      if (next >= count) break;
      if (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      run_one(*task, next);
      if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(count)) done_.notify_all();
      state = state_.load(std::memory_order_acquire);
    }
    inside_task = false;
  }

  void run_one(const std::function<void(std::int64_t)>& task, std::int64_t index) {
    try {
      task(index);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(failure_lock_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void wait_until_done(std::uint32_t count) {
    for (int spin = 0; spin < kSpins; ++spin) {
      if (done_.load(std::memory_order_acquire) == count) return;
      __builtin_ia32_pause();
    }
    for (std::uint32_t done = done_.load(std::memory_order_acquire); done != count; done = done_.load(std::memory_order_acquire)) done_.wait(done);
  }

  std::mutex busy_, failure_lock_;
  std::vector<std::thread> workers_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint32_t> epoch_ = 0, done_ = 0;
  std::atomic<std::uint64_t> state_ = 0;  // epoch << 32 | next task
  std::atomic<const std::function<void(std::int64_t)>*> task_ = nullptr;
  std::atomic<std::int64_t> count_ = 0;
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
