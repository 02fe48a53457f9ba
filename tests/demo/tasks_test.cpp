// The tasks of GSM8K, MMLU and perplexity on the embedded data sets.
#include "harness/api/task.h"

#include <algorithm>

#include "tests/support/dataset_sources.h"
#include "tests/support/demo_files.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow::test {
namespace {

std::string prompt_of(const Example& example) {
  const Request& request = example.requests.front();
  return std::holds_alternative<GenerateRequest>(request) ? std::get<GenerateRequest>(request).context : std::get<ScoreRequest>(request).context;
}

class DemoTask : public testing::Test {
 protected:
  ExampleList examples(const Task& task) { return task.examples({.datasets = source_.get(), .encode = {}}); }

  std::unique_ptr<Task> make(const std::string& name, const Json& settings) { return Registry<Task>::instance().make(name, settings); }

  std::unique_ptr<DatasetSource> source_ = folder_source(source_folder() / "datasets");
};

TEST_F(DemoTask, Gsm8kAsksItsOwnQuestionsWithShotsFromItsOwnTrainSplit) {
  const auto task = make("gsm8k", {{"dataset", "demo_gsm8k"}, {"shots", 2}});
  for (const DatasetPart& part : task->reads()) EXPECT_EQ(part.dataset, "demo_gsm8k");
  const ExampleList list = examples(*task);
  EXPECT_EQ(list.count, 2000u);
  const Example first = list.make(0);
  const std::string prompt = prompt_of(first);
  EXPECT_TRUE(prompt.ends_with("Question: " + demo_texts("gsm8k/test.jsonl", "question").front() + "\nAnswer:"));
  const auto train = demo_texts("gsm8k/train.jsonl", "question");
  ASSERT_EQ(first.shots.size(), 2u);
  for (const std::int64_t shot : first.shots) EXPECT_THAT(prompt, testing::HasSubstr("Question: " + train.at(static_cast<std::size_t>(shot)) + "\nAnswer: "));
}

TEST_F(DemoTask, Gsm8kGradesTheWorkedAnswerAsRight) {
  const auto task = make("gsm8k", {{"dataset", "demo_gsm8k"}, {"shots", 0}});
  const ExampleList list = examples(*task);
  const auto answers = demo_texts("gsm8k/test.jsonl", "answer");
  for (std::size_t i = 0; i < 50; ++i) {
    const std::vector<Response> reply = {{.text = " " + answers[i]}};
    for (const Answer& answer : task->grade(list.make(i), reply)) {
      const auto right = std::ranges::find(answer.values, "exact_match", [](const auto& value) { return value.first; });
      ASSERT_NE(right, answer.values.end());
      EXPECT_EQ(right->second, 1.0) << answers[i];
    }
  }
}

TEST_F(DemoTask, MmluNamesTheSubjectAndTakesShotsFromDev) {
  const auto task = make("mmlu", {{"dataset", "demo_mmlu"}, {"shots", 5}, {"subjects", {"people"}}});
  const ExampleList list = examples(*task);
  EXPECT_EQ(list.count, 140u);
  const Example first = list.make(0);
  const std::string prompt = prompt_of(first);
  EXPECT_TRUE(prompt.starts_with("The following are multiple choice questions (with answers) about people.\n\n" +
                                 demo_questions("people", "dev").front().question + "\nA. "));
  EXPECT_TRUE(prompt.ends_with("\nAnswer:"));
  EXPECT_EQ(first.record.leaf, "demo_mmlu_people");
}

TEST_F(DemoTask, MmluHasAllSubjectsAndOneHeadline) {
  const auto task = make("mmlu", {{"dataset", "demo_mmlu"}});
  const ExampleList list = examples(*task);
  EXPECT_EQ(list.count, 1260u);
  std::vector<ScoredAnswer> answers;
  for (std::size_t i = 0; i < list.count; ++i) {
    const Example example = list.make(i);
    std::vector<Response> responses(4);
    for (std::size_t choice = 0; choice < 4; ++choice) responses[choice].log_likelihood = static_cast<std::int64_t>(choice) == example.record.gold ? -1 : -2;
    for (const Answer& answer : task->grade(example, responses)) answers.push_back({example.record.leaf, example.record.doc_id, answer.filter, answer.values});
  }
  const std::vector<Metric> metrics = task->aggregate(answers);
  EXPECT_EQ(metrics.front().leaf, "");
  EXPECT_EQ(metrics.front().value, 1.0);
  EXPECT_EQ(metrics.front().count, 1260);
  EXPECT_EQ(std::ranges::count_if(metrics, [](const Metric& metric) { return metric.leaf.starts_with("demo_mmlu_") && metric.name == "acc"; }), 9);
}

TEST_F(DemoTask, PerplexityReadsTheTextsOfATestSplit) {
  const auto task = make("perplexity", {{"dataset", "demo_text"}, {"window", 256}});
  ASSERT_EQ(task->reads().size(), 1u);
  EXPECT_EQ(task->reads().front().split, "test");
  task->check(*source_);
}

}  // namespace
}  // namespace winnow::test
