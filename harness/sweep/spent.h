#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/core/trial.h"
#include "harness/sweep/memory.h"
#include "harness/text/language_model.h"

namespace winnow {

// What a trial has cost, over all the runs it took.
struct Spent {
  std::map<std::string, double> seconds;  // load, plan, apply, prefill, decode, total
  double tokens_asked = 0, tokens_forwarded = 0, tokens_decoded = 0, tokens_dropped = 0, merged_boundaries = 0;
  double expert_evaluations = 0, expert_evaluations_skipped = 0;
  double peak_bytes = 0, peak_anonymous_bytes = 0, peak_file_bytes = 0, device_peak_bytes = 0;

  void add_work(const WorkCounters& before, const WorkCounters& now);
  void raise_peaks(const ResidentBytes& peaks);

  // Times and counts in one map: what the trial log keeps of a trial that is still open.
  std::map<std::string, double> as_map() const;
  static Spent from_map(const std::map<std::string, double>& saved);

  std::vector<Metric> metrics() const;
};

}  // namespace winnow
