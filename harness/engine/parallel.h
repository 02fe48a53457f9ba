#pragma once
#include <cstdint>
#include <functional>

namespace winnow {

// Calls task(0) … task(count − 1), each once, on at::get_num_threads() threads of a pool of our own, and returns when all are done. Tasks
// are handed out one by one, so they should be of some 10 µs or more. The first exception is thrown again. Nested and concurrent calls run in the
// caller's thread.
void run_tasks(std::int64_t count, const std::function<void(std::int64_t)>& task);

// run_tasks over [0, count) cut into ranges of `grain`: body(first, last).
void run_ranges(std::int64_t count, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& body);

}  // namespace winnow
