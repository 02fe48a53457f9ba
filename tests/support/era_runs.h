#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "harness/api/task.h"

namespace winnow::test {

// Rows of a run of an older lm-evaluation-harness, by task and row of the evaluated split (tests/fixtures/lm_eval/eras).
struct EraRun {
  std::map<std::pair<std::string, std::int64_t>, Json> rows;

  // Documents of a task, in the order in which it evaluated them.
  std::vector<std::int64_t> order_of(const std::string& task) const;
  std::vector<std::string> tasks() const;
};

EraRun era_run(const std::string& profile, const std::string& run);

// Compares one example with its recorded row: contexts, continuations, shots, gold or target, answers. Log-likelihoods may differ by `tolerance`.
void expect_recorded(const EraRun& run, const Example& example, const std::vector<Response>& responses, const std::vector<Answer>& answers, double tolerance);

}  // namespace winnow::test
