#pragma once
#include <chrono>
#include <optional>
#include <vector>

#include "harness/core/clock.h"
#include "harness/engine/forward.h"
#include "harness/engine/greedy_step.h"
#include "harness/text/language_model.h"

namespace winnow {

// Expert evaluations of a batch's rows.
struct ExpertCount {
  ExpertCount(const Model& model, const PackedBatch& batch);
  void add_to(WorkCounters& counters, const at::Tensor& skipped_on_host) const;  // undefined where `skipped` is

  std::int64_t chosen = 0;
  at::Tensor skipped;  // of those, int64 [] on the device; undefined where no layer skips
  Observer observer;   // counts them in `skipped`
};

// The engine's forward() with its rows and expert evaluations counted.
at::Tensor forward_counted(const Model& model, const PackedBatch& batch, const std::vector<std::int64_t>& wanted_rows, WorkCounters& counters);

// The engine's GreedyStep, its rows counted when it is made and its expert evaluations when it is read, which is to be done once.
class CountedStep {
 public:
  CountedStep(const Model& model, const PackedBatch& batch, WorkCounters& counters);
  const at::Tensor& device_tokens() const { return step_.device_tokens(); }
  std::vector<std::int32_t> read(const std::vector<std::int64_t>& rows);

 private:
  WorkCounters& counters_;
  ExpertCount experts_;
  GreedyStep step_;
  std::optional<HostCopy> skipped_;
};

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
