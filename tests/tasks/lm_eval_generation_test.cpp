// The GSM8K tasks against recorded runs of lm-evaluation-harness on the real files: prompts, shots, filters, metrics.
#include "harness/core/digest.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden_runs.h"
#include "tests/support/scripted_language_model.h"

namespace winnow::test {
namespace {

// Replies with what the recorded run was given, found by the context's hash.
ScriptedLanguageModel replies_of(const GoldenRun& run) {
  std::map<std::string, std::string> replies;
  for (const auto& [key, row] : run.rows) replies[row.at("prompt_hash")] = row.value("raw_reply", "");
  return ScriptedLanguageModel([replies](std::string_view context) {
    const auto found = replies.find(sha256_hex(context));
    return found == replies.end() ? "" : found->second;
  });
}

class LmEvalGeneration : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto folder = real_data_folder();
    if (!folder) GTEST_SKIP() << kNoRealData;
    datasets_ = folder_source(*folder);
  }

  // Runs the task as the recorded run did and compares every document; returns the run.
  TaskRun run_and_compare(const GoldenRun& golden, const std::string& task, const Json& settings) {
    ScriptedLanguageModel model = replies_of(golden);
    RunHashes hashes;
    std::size_t documents = 0;
    const TaskRun run =
        run_task(*Registry<Task>::instance().make(task, settings), *datasets_, model, [&](const Example& example, const auto& responses, const auto& answers) {
          EXPECT_TRUE(expect_recorded(golden, example, responses, answers));
          hashes.add(example, prompt_of(example));
          ++documents;
        });
    const Json& recorded = golden.summary.at("hashes").at(task);
    EXPECT_EQ(recorded.at("docs"), documents);
    EXPECT_EQ(recorded.at("prompt_hashes_sha256"), hashes.prompt_hashes());
    EXPECT_EQ(recorded.at("doc_hashes_sha256"), hashes.doc_hashes());
    EXPECT_EQ(recorded.at("task_hash"), hashes.task_hash(2));
    return run;
  }

  void expect_results(const GoldenRun& golden, const std::string& task, const TaskRun& run) {
    expect_result(golden, task, run.metric("exact_match", "strict-match"));
    expect_result(golden, task, run.metric("exact_match", "flexible-extract"));
  }

  std::unique_ptr<DatasetSource> datasets_;
};

TEST_F(LmEvalGeneration, Gsm8kHasThePromptsOfAllQuestionsAndTheGradesOfTheFirst320) {
  const GoldenRun golden = golden_run("scripted_gsm8k_5shot");
  EXPECT_EQ(golden.rows.size(), 320u);
  EXPECT_EQ(run_and_compare(golden, "gsm8k", Json::object()).answers.size(), 2u * 1319u);
}

TEST_F(LmEvalGeneration, Gsm8kCotEqualsTheRecordedRun) {
  const GoldenRun golden = golden_run("scripted_gsm8k_cot");
  expect_results(golden, "gsm8k_cot", run_and_compare(golden, "gsm8k_cot", {{"limit", 320}}));
}

TEST_F(LmEvalGeneration, Gsm8kCotZeroshotEqualsTheRecordedRun) {
  const GoldenRun golden = golden_run("scripted_gsm8k_cot_zeroshot");
  expect_results(golden, "gsm8k_cot_zeroshot", run_and_compare(golden, "gsm8k_cot_zeroshot", {{"limit", 320}}));
}

}  // namespace
}  // namespace winnow::test
