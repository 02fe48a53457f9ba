#pragma once
#include <chrono>
#include <vector>

#include "harness/core/clock.h"
#include "harness/engine/forward.h"
#include "harness/text/language_model.h"

namespace winnow {

// The engine's forward() with its rows and expert evaluations counted.
at::Tensor forward_counted(const Model& model, const PackedBatch& batch, const std::vector<std::int64_t>& wanted_rows, WorkCounters& counters);

// Adds the seconds of its life to a sum.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds) {}
  ~Stopwatch() { seconds_ += seconds_since(start_); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace winnow
