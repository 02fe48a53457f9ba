#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "harness/core/statistics.h"
#include "harness/core/trial.h"

namespace winnow {

// Two trials of one task, example by example: what the second gained or lost against the first.
struct Comparison {
  std::int64_t pairs = 0;
  std::int64_t only_first = 0, only_second = 0;  // examples that only one of them answered
  PairedDifference mean{};                       // of second − first, with its normal 95 % interval
  Interval bootstrap{};                          // percentile bootstrap of the same
  std::int64_t only_first_right = 0, only_second_right = 0;  // discordant pairs, of values that are 0 or 1
  std::optional<double> mcnemar_p;               // exact, two-sided; none where values are not 0 or 1
};

// Pure. Pairs the answers by leaf and document under one filter; `value` names the grade ("acc", "exact_match").
Comparison compare_answers(std::span<const ScoredAnswer> first, std::span<const ScoredAnswer> second, const std::string& filter, const std::string& value);

}  // namespace winnow
