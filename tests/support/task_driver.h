#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/api/task.h"
#include "harness/text/language_model.h"

namespace winnow::test {

// One example with what came back, as it passes by.
using OnGraded = std::function<void(const Example& example, const std::vector<Response>& responses, const std::vector<Answer>& answers)>;

struct TaskRun {
  std::vector<ScoredAnswer> answers;
  std::vector<Metric> metrics;

  // Throws std::out_of_range where the run has no such metric.
  const Metric& metric(std::string_view name, std::string_view filter = "none", std::string_view leaf = "") const;
};

TaskInputs task_inputs(DatasetSource& datasets, const LanguageModel& model);

// A whole task over a model, one example after the other; nothing but the scores is kept.
TaskRun run_task(const Task& task, DatasetSource& datasets, LanguageModel& model, const OnGraded& on_graded = {}, const AnswerSettings& settings = {});

// Hashes of a run's documents as lm-eval reports them; feed every example in order.
class RunHashes {
 public:
  void add(const Example& example, const std::string& prompt);
  std::string prompt_hashes() const;  // sha256 of the hex digests, concatenated
  std::string doc_hashes() const;
  std::string task_hash(int filters) const;  // doc, prompt and target hashes, once more for every filter

 private:
  std::string prompts_, docs_, all_;
};

// The first request's context, or its text.
std::string prompt_of(const Example& example);

}  // namespace winnow::test
