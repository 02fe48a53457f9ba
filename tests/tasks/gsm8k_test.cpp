#include "harness/api/task.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden_runs.h"
#include "tests/support/scripted_language_model.h"

namespace winnow::test {
namespace {

Example first_example(const std::string& task, const Json& settings, std::size_t index = 0) {
  static const std::unique_ptr<DatasetSource> source = sample_source();
  static const ScriptedLanguageModel model;
  const auto made = Registry<Task>::instance().make(task, settings);
  return made->examples(task_inputs(*source, model)).make(index);
}

TEST(Gsm8k, AsksWithDrawnShots) {
  const Example example = first_example("gsm8k", {{"shots", 2}});
  ASSERT_EQ(example.shots.size(), 2u);
  const auto& request = std::get<GenerateRequest>(example.requests.at(0));
  const auto shot = [&](std::size_t i) {
    return fmt::format("Question: gsm8k/train.jsonl adds {0} and {0}. How many?\nAnswer: {0}+{0}=<<{0}+{0}={1}>>{1}\n#### {1}\n\n", example.shots[i],
                       2 * example.shots[i]);
  };
  EXPECT_EQ(request.context, shot(0) + shot(1) + "Question: gsm8k/test.jsonl adds 0 and 0. How many?\nAnswer:");
  EXPECT_EQ(request.until, (std::vector<std::string>{"Question:", "</s>", "<|im_end|>"}));
  EXPECT_EQ(request.max_new_tokens, 256);
  EXPECT_EQ(example.record.target, "0+0=<<0+0=0>>0\n#### 0");
}

TEST(Gsm8k, TakesLimitsOfRepliesAndStopStringsFromItsSettings) {
  const Example example = first_example("gsm8k", {{"shots", 0}, {"max_new_tokens", 48}, {"stop_strings", {"e", "ion", "\n"}}});
  const auto& request = std::get<GenerateRequest>(example.requests.at(0));
  EXPECT_EQ(request.max_new_tokens, 48);
  EXPECT_EQ(request.until, (std::vector<std::string>{"e", "ion", "\n"}));
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("gsm8k", {{"stop_strings", {"e", ""}}}), kInput, "empty string");
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("gsm8k", {{"max_new_tokens", 0}}), kInput, "max_new_tokens");
}

TEST(Gsm8k, OfTheTrainSplitLeavesTheQuestionOutOfItsShots) {
  for (std::size_t index = 0; index < 12; ++index) {
    const Example example = first_example("gsm8k", {{"split", "train"}, {"shots", 11}}, index);
    EXPECT_EQ(std::count(example.shots.begin(), example.shots.end(), static_cast<std::int64_t>(index)), 0);
  }
}

TEST(Gsm8k, RefusesRowsOfAnotherFormatAndTooManyShots) {
  EXPECT_ERROR(first_example("gsm8k", {{"dataset", "c4"}, {"split", "train"}, {"shots", 0}}), kInput,
               "data set c4: its rows have no text \"answer\", which this task reads; name a data set of the task's format");
  EXPECT_ERROR_HAS(first_example("gsm8k", {{"shots", 13}}), kInput, "gsm8k train has 12 rows");
}

TEST(Gsm8kCot, HasTheRecordedPromptOfItsEightFixedExamples) {
  const GoldenRun golden = golden_run("scripted_gsm8k_cot");
  const std::string recorded = golden.rows.at({"gsm8k_cot", 0}).at("ctx");
  const std::string prompt = prompt_of(first_example("gsm8k_cot", Json::object()));
  const std::string end = "Q: gsm8k/test.jsonl adds 0 and 0. How many?\nA:";
  ASSERT_TRUE(prompt.ends_with(end));
  EXPECT_EQ(prompt.substr(0, prompt.size() - end.size()), recorded.substr(0, recorded.rfind("Q: ")));
}

TEST(Gsm8kCot, TakesForItsTargetWhatFollowsTheLastFourHashesFromTheLeft) {
  const TemporaryFolder folder;
  const OrderedJson row = {{"question", "How many?"}, {"answer", "so\n##### 7"}};
  folder.write("gsm8k/test.jsonl", row.dump() + "\n");
  const auto source = folder_source(folder.path());
  const ScriptedLanguageModel model;
  const auto task = Registry<Task>::instance().make("gsm8k_cot", Json::object());
  EXPECT_EQ(task->examples(task_inputs(*source, model)).make(0).record.target, "# 7") << "as Python's split has it";
}

TEST(Gsm8kCot, HasFewerShotsButNotMore) {
  const std::string prompt = prompt_of(first_example("gsm8k_cot", {{"shots", 1}}));
  EXPECT_TRUE(prompt.starts_with("Q: There are 15 trees"));
  EXPECT_EQ(prompt.find("cars"), std::string::npos);
  EXPECT_EQ(prompt_of(first_example("gsm8k_cot", {{"shots", 0}})), "Q: gsm8k/test.jsonl adds 0 and 0. How many?\nA:");
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("gsm8k_cot", {{"shots", 9}}), kInput, "shots");
  EXPECT_EQ(first_example("gsm8k_cot", Json::object(), 3).record.target, "6");
}

TEST(Gsm8kCotZeroshot, HasNoShots) {
  EXPECT_EQ(prompt_of(first_example("gsm8k_cot_zeroshot", Json::object())), "Q: gsm8k/test.jsonl adds 0 and 0. How many?\nA: Let's think step by step.");
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("gsm8k_cot_zeroshot", {{"shots", 1}}), kInput, "shots");
}

TEST(Gsm8k, CountsWhatWasTruncated) {
  const auto task = Registry<Task>::instance().make("gsm8k");
  Example example;
  example.record.target = "#### 3";
  Response response;
  response.text = "#### 3";
  std::vector<ScoredAnswer> answers;
  for (int i = 0; i < 4; ++i) {
    response.prompt_truncated = i == 0;
    response.reply_truncated = i < 3;
    for (const Answer& answer : task->grade(example, std::vector<Response>{response})) answers.push_back({"gsm8k", i, answer.filter, answer.values});
  }
  const TaskRun run{answers, task->aggregate(answers)};
  EXPECT_EQ(run.metric("prompts_truncated").value, 1);
  EXPECT_EQ(run.metric("replies_truncated").value, 3);
  EXPECT_EQ(run.metric("replies_truncated").unit, "examples");
  EXPECT_EQ(run.metric("exact_match", "strict-match").value, 1);
  EXPECT_EQ(run.metric("exact_match", "strict-match").count, 4);
}

}  // namespace
}  // namespace winnow::test
