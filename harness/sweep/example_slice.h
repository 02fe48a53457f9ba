#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/api/task.h"

namespace winnow {

// Examples that go to the model in one call: of one group, few enough to be held in memory.
struct ExampleSlice {
  std::vector<Example> examples;
  std::vector<Request> requests;   // of all of them, one after another
  std::vector<std::size_t> owner;  // of each request, into examples
  std::vector<std::size_t> first;  // request of each example
};

// Cuts a task's examples into slices, leaving out those already answered.
class ExampleSlicer {
 public:
  using Answered = std::set<std::pair<std::string, std::int64_t>>;
  ExampleSlicer(const ExampleList& list, const Answered& answered) : list_(list), answered_(answered) {}

  std::optional<ExampleSlice> next();  // nothing when all have been handed out

 private:
  const ExampleList& list_;
  const Answered& answered_;
  std::size_t index_ = 0;
  std::optional<Example> ahead_;  // made to see its group, and found to belong to the next slice
};

// What is asked, as records show it.
std::string prompt_of(const Request& request);
std::vector<std::string> arguments_of(std::span<const Request> requests);  // continuations, or the stop strings
std::vector<std::string> contexts_of(std::span<const Request> requests);   // of each, where they are not all the first's; else empty

}  // namespace winnow
