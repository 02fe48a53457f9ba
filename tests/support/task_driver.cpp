#include "tests/support/task_driver.h"

#include <stdexcept>

#include "harness/core/digest.h"

namespace winnow::test {

const Metric& TaskRun::metric(std::string_view name, std::string_view filter, std::string_view leaf) const {
  for (const Metric& metric : metrics) {
    if (metric.name == name && metric.filter == filter && metric.leaf == leaf) return metric;
  }
  throw std::out_of_range(fmt::format("no metric {},{} of '{}'", name, filter, leaf));
}

TaskInputs task_inputs(DatasetSource& datasets, const LanguageModel& model) {
  return {&datasets, [&model](std::string_view text) { return model.encode(text, LanguageModel::Special::kAdd); }, 1};
}

TaskRun run_task(const Task& task, DatasetSource& datasets, LanguageModel& model, const OnGraded& on_graded, const AnswerSettings& settings) {
  const ExampleList examples = task.examples(task_inputs(datasets, model));
  TaskRun run;
  for (std::size_t i = 0; i < examples.count; ++i) {
    const Example example = examples.make(i);
    std::vector<Response> responses(example.requests.size());
    model.answer(example.requests, settings, [&](std::size_t index, const Response& response) {
      responses.at(index) = response;
      return Continue::kYes;
    });
    const std::vector<Answer> answers = task.grade(example, responses);
    for (const Answer& answer : answers) run.answers.push_back({example.record.leaf, example.record.doc_id, answer.filter, answer.values});
    if (on_graded) on_graded(example, responses, answers);
  }
  run.metrics = task.aggregate(run.answers);
  return run;
}

void RunHashes::add(const Example& example, const std::string& prompt) {
  const std::string prompt_hash = sha256_hex(prompt);
  prompts_ += prompt_hash;
  docs_ += example.record.doc_hash;
  all_ += example.record.doc_hash + prompt_hash + sha256_hex(example.record.target);
}

std::string RunHashes::prompt_hashes() const { return sha256_hex(prompts_); }
std::string RunHashes::doc_hashes() const { return sha256_hex(docs_); }

std::string RunHashes::task_hash(int filters) const {
  std::string all;
  for (int i = 0; i < filters; ++i) all += all_;
  return sha256_hex(all);
}

std::string prompt_of(const Example& example) {
  return std::visit(
      [](const auto& request) -> std::string {
        using T = std::decay_t<decltype(request)>;
        if constexpr (std::is_same_v<T, RollingRequest>) {
          return request.text;
        } else if constexpr (std::is_same_v<T, TokensRequest>) {
          return fmt::format("{}", fmt::join(request.context, ","));
        } else {
          return request.context;
        }
      },
      example.requests.at(0));
}

}  // namespace winnow::test
