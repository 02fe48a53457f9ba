// All questions of the zero-shot suite against recorded runs of lm-evaluation-harness on the real files.
#include <cmath>

#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden_runs.h"
#include "tests/support/scripted_language_model.h"

namespace winnow::test {
namespace {

void check(const std::string& run, const Json& settings) {
  const auto folder = real_data_folder();
  if (!folder) GTEST_SKIP() << kNoRealData;
  const GoldenRun golden = golden_run(run);
  const auto datasets = folder_source(*folder);
  ScriptedLanguageModel model;
  ASSERT_EQ(golden.summary.at("results").size(), 8u);
  for (const auto& [task, result] : golden.summary["results"].items()) {
    RunHashes hashes;
    const auto made = Registry<Task>::instance().make(task, settings);
    const TaskRun done = run_task(*made, *datasets, model, [&](const Example& example, const auto& responses, const auto& answers) {
      expect_recorded(golden, example, responses, answers);
      hashes.add(example, prompt_of(example));
    });
    const Json& recorded = golden.summary.at("hashes").at(task);
    EXPECT_EQ(recorded.at("docs"), done.answers.size()) << task;
    EXPECT_EQ(recorded.at("prompt_hashes_sha256"), hashes.prompt_hashes()) << task;
    EXPECT_EQ(recorded.at("doc_hashes_sha256"), hashes.doc_hashes()) << task;
    EXPECT_EQ(recorded.at("task_hash"), hashes.task_hash(1)) << task;
    expect_result(golden, task, done.metric("acc"));
    if (result.contains("acc_norm,none")) expect_result(golden, task, done.metric("acc_norm"));
    EXPECT_EQ(golden.summary.at("versions").at(task).get<double>(), Registry<Task>::instance().find(task).version);
  }
}

TEST(LmEvalZeroShotWhole, EqualsTheRecordedRun) { check("scripted_zeroshot", Json::object()); }
TEST(LmEvalZeroShotWhole, EqualsTheRecordedRunWithFiveShots) { check("scripted_fewshot_5_seed1234", {{"shots", 5}, {"limit", 120}}); }
TEST(LmEvalZeroShotWhole, EqualsTheRecordedRunWithAnotherSeed) { check("scripted_fewshot_3_seed42", {{"shots", 3}, {"limit", 60}, {"seed", 42}}); }

TEST(LmEvalZeroShotWhole, LuAverageIsTheMeanOfTheRecordedTasks) {
  const auto folder = real_data_folder();
  if (!folder) GTEST_SKIP() << kNoRealData;
  const auto datasets = folder_source(*folder);
  ScriptedLanguageModel model;
  const TaskRun run = run_task(*Registry<Task>::instance().make("lu_average"), *datasets, model);
  const GoldenRun suite = golden_run("scripted_zeroshot"), mmlu = golden_run("scripted_mmlu_0shot");
  double sum = 0, variance = 0;
  for (const char* task : {"arc_challenge", "arc_easy", "boolq", "hellaswag", "mmlu", "openbookqa", "rte", "winogrande"}) {
    const GoldenRun& golden = std::string(task) == "mmlu" ? mmlu : suite;
    expect_result(golden, task, run.metric("acc", "none", task));
    sum += golden.summary.at("results").at(task).at("acc,none").get<double>();
    variance += std::pow(golden.summary["results"][task].at("acc_stderr,none").get<double>(), 2);
  }
  expect_result(mmlu, "mmlu_stem", run.metric("acc", "none", "mmlu_stem"));
  EXPECT_DOUBLE_EQ(run.metrics.front().value, sum / 8);
  EXPECT_DOUBLE_EQ(run.metrics.front().standard_error.value(), std::sqrt(variance) / 8);
}

}  // namespace
}  // namespace winnow::test
