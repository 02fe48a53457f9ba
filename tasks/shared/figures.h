#pragma once
#include <string>
#include <utility>
#include <vector>

#include "harness/api/measure.h"

namespace winnow {

enum class Better { kHigher, kLower };

// The numbers of a measurement, in the order reports show them: the first is the headline.
class Figures {
 public:
  // Returns the metric for what not every number has: a standard error, a count, the part it is of.
  Metric& add(std::string name, double value, std::string unit, Better better);
  std::vector<Metric> take() { return std::move(metrics_); }

 private:
  std::vector<Metric> metrics_;
};

// `count` prompts of `length` ids drawn evenly from the vocabulary, the same on every machine.
TokenSequences random_prompts(std::size_t count, std::size_t length, std::int64_t vocabulary, std::uint64_t seed);

// Throws Error(kInput) where prompts and what follows them have no room in the model's positions.
void check_room(const MeasuredModel& model, std::string_view task, std::int64_t context, std::int64_t new_tokens);

}  // namespace winnow
