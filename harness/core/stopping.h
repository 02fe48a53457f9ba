#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/core/sequential.h"
#include "harness/core/settings.h"

namespace winnow {

// "until" in a task's settings: ask examples in a drawn order until the difference from the unpruned model is known well enough.
struct UntilSettings {
  enum class Stop {
    kWidth,     // the interval reaches no farther than ± difference
    kDecision,  // it is decided whether the variant is worse by more than `difference`
  };
  enum class Sequence { kPocock, kObrienFleming, kAnyTime };
  double difference = 0.02, confidence = 0.95;
  Stop stop = Stop::kWidth;
  Sequence sequence = Sequence::kPocock;
  std::int64_t looks = 12, minimum = 200;
  std::uint64_t seed = 1234;
};
std::span<const Setting> until_declarations();
// Checks what a sweep says; throws Error(kInput) naming the setting.
UntilSettings until_settings(const Json& given);

// What is known after some examples.
struct UntilJudgement {
  bool stops = false;
  std::int64_t examples = 0, population = 0;
  double difference = 0;  // variant − unpruned, of all the task's examples
  Interval interval{};
  std::string how;  // how the interval was obtained, and why it stops
};

// Pure: the order in which a task's examples are asked, when to look, and whether to stop.
class UntilRule {
 public:
  // `strata`: of each example, such as its subject.
  UntilRule(const UntilSettings& settings, const std::vector<std::string>& strata);

  // Numbers of examples, all of them in the end. Every beginning of it holds about the same share of each stratum (any_time: a plain shuffle, which its guarantee needs).
  const std::vector<std::size_t>& order() const { return order_; }
  // Counts of examples after which to judge, ascending; the last is all of them.
  const std::vector<std::size_t>& looks() const { return looks_; }

  // `differences` of the first examples of the order; their count is one of looks(). Values lie in [-1, 1].
  UntilJudgement judge(std::span<const double> differences) const;

 private:
  UntilJudgement judge_at(std::span<const double> differences, double reach, const std::string& how) const;

  UntilSettings settings_;
  std::vector<std::size_t> stratum_of_;      // by example
  std::vector<std::int64_t> population_of_;  // by stratum
  std::vector<std::size_t> order_, looks_;
  std::vector<double> boundaries_;  // by look; of decisions
};

}  // namespace winnow
