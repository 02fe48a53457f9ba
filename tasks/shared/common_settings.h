#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/settings.h"

namespace winnow {

// Whose evaluation rules are followed: revisions of lm-evaluation-harness (its `lmeval-head` is release 0.4.13).
inline constexpr const char* kProfileHead = "lmeval-head";
inline constexpr const char* kProfile0491 = "lmeval-0.4.9.1";
inline constexpr const char* kProfile2023December = "lmeval-2023-12";  // Lu et al.
inline constexpr const char* kProfile2023July = "lmeval-2023-07";      // Wanda, OWL

// What a task fills in where a sweep says nothing.
struct TaskDefaults {
  int shots = 0;
  int most_shots = 64;
  std::string split = "test";
  std::string dataset;  // data set read unless "dataset" names another of the same format; empty: the task has no such setting
  std::vector<std::string> profiles = {kProfileHead};
};

// The settings every task has, before the task's own. max_length, add_bos and profile are read by the runner: they say how requests are to be answered.
std::vector<Setting> with_common_settings(const TaskDefaults& defaults, std::vector<Setting> own);

struct CommonSettings {
  std::optional<std::int64_t> limit;  // examples, of each subject where there are any
  std::size_t shots = 0;
  std::uint64_t seed = 1234;  // of the draws of shots; derived from nothing else
  std::string split;
  std::string dataset;
  std::string profile;

  std::size_t limited(std::size_t rows) const { return limit ? std::min(rows, static_cast<std::size_t>(*limit)) : rows; }
};

CommonSettings common_settings(const Params& params);

}  // namespace winnow
