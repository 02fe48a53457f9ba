#include "harness/sweep/spent.h"

#include <algorithm>

namespace winnow {
namespace {

struct Counter {
  const char* name;
  double Spent::*member;
};
constexpr Counter kCounters[] = {
    {"tokens_asked", &Spent::tokens_asked},
    {"tokens_forwarded", &Spent::tokens_forwarded},
    {"tokens_decoded", &Spent::tokens_decoded},
    {"tokens_dropped", &Spent::tokens_dropped},
    {"peak_bytes", &Spent::peak_bytes},
    {"peak_anonymous_bytes", &Spent::peak_anonymous_bytes},
    {"peak_file_bytes", &Spent::peak_file_bytes},
    {"device_peak_bytes", &Spent::device_peak_bytes},
    {"merged_boundaries", &Spent::merged_boundaries},
    {"expert_evaluations", &Spent::expert_evaluations},
    {"expert_evaluations_skipped", &Spent::expert_evaluations_skipped},
};

double seconds_of(const std::map<std::string, double>& seconds, const char* phase) {
  const auto found = seconds.find(phase);
  return found == seconds.end() ? 0 : found->second;
}

}  // namespace

void Spent::add_work(const WorkCounters& before, const WorkCounters& now) {
  tokens_asked += static_cast<double>(now.tokens_asked - before.tokens_asked);
  tokens_forwarded += static_cast<double>(now.tokens_forwarded - before.tokens_forwarded);
  tokens_decoded += static_cast<double>(now.tokens_decoded - before.tokens_decoded);
  tokens_dropped += static_cast<double>(now.tokens_dropped - before.tokens_dropped);
  merged_boundaries += static_cast<double>(now.merged_boundaries - before.merged_boundaries);
  expert_evaluations += static_cast<double>(now.expert_evaluations - before.expert_evaluations);
  expert_evaluations_skipped += static_cast<double>(now.expert_evaluations_skipped - before.expert_evaluations_skipped);
  seconds["prefill"] += now.prefill_seconds - before.prefill_seconds;
  seconds["decode"] += now.decode_seconds - before.decode_seconds;
}

void Spent::raise_peaks(const ResidentBytes& peaks) {
  peak_bytes = std::max(peak_bytes, static_cast<double>(peaks.total));
  peak_anonymous_bytes = std::max(peak_anonymous_bytes, static_cast<double>(peaks.anonymous));
  peak_file_bytes = std::max(peak_file_bytes, static_cast<double>(peaks.file));
}

std::map<std::string, double> Spent::as_map() const {
  std::map<std::string, double> saved = seconds;
  for (const Counter& counter : kCounters) saved[counter.name] = this->*counter.member;
  return saved;
}

Spent Spent::from_map(const std::map<std::string, double>& saved) {
  Spent spent{.seconds = saved};
  for (const Counter& counter : kCounters) {
    spent.*counter.member = seconds_of(saved, counter.name);
    spent.seconds.erase(counter.name);
  }
  return spent;
}

std::vector<Metric> Spent::metrics() const {
  std::vector<Metric> metrics;
  const auto add = [&](const char* name, double value, const char* unit, bool higher_is_better) {
    metrics.push_back({.name = name, .value = value, .unit = unit, .higher_is_better = higher_is_better, .count = 1});
  };
  add("tokens_asked", tokens_asked, "tokens", false);
  add("tokens_forwarded", tokens_forwarded, "tokens", false);
  if (peak_bytes > 0) {  // else it ran elsewhere
    add("peak_bytes", peak_bytes, "bytes", false);
    add("peak_anonymous_bytes", peak_anonymous_bytes, "bytes", false);
    add("peak_file_bytes", peak_file_bytes, "bytes", false);
  }
  if (device_peak_bytes > 0) add("device_peak_bytes", device_peak_bytes, "bytes", false);
  if (merged_boundaries > 0) add("merged_boundaries", merged_boundaries, "examples", false);
  if (expert_evaluations_skipped > 0)
    add("expert_evaluations_skipped", expert_evaluations_skipped / (expert_evaluations + expert_evaluations_skipped), "share", true);
  const double prefill_seconds = seconds_of(seconds, "prefill"), decode_seconds = seconds_of(seconds, "decode");
  if (prefill_seconds > 0) add("prefill_tokens_per_second", (tokens_forwarded - tokens_decoded - tokens_dropped) / prefill_seconds, "tokens/s", true);
  if (decode_seconds > 0 && tokens_decoded > 0) add("decode_tokens_per_second", tokens_decoded / decode_seconds, "tokens/s", true);
  return metrics;
}

}  // namespace winnow
