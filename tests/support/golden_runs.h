#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "harness/api/task.h"
#include "tests/support/task_driver.h"

namespace winnow::test {

// A recorded run of lm-evaluation-harness (tests/fixtures/lm_eval/README.md).
struct GoldenRun {
  Json summary;
  std::map<std::pair<std::string, std::int64_t>, Json> rows;  // by task and doc_id: rows written in full
  std::map<std::string, Json> folded;                         // by task: the other rows' hashes and metrics
};

GoldenRun golden_run(const std::string& name);

// Compares one example with its recorded row (or its digits among the folded ones): hashes, shots, prompt, choices, answers.
// Log-likelihoods may differ by `tolerance`. What differs is added to a gtest failure; returns whether a row was there.
bool expect_recorded(const GoldenRun& run, const Example& example, const std::vector<Response>& responses, const std::vector<Answer>& answers,
                     double tolerance = 0);

// `results` of the recorded run: value and standard error equal to the last digit, and as many examples.
void expect_result(const GoldenRun& run, const std::string& leaf, const Metric& metric);

}  // namespace winnow::test
