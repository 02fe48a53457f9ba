// All 14,042 questions of MMLU against recorded runs of lm-evaluation-harness.
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden_runs.h"
#include "tests/support/scripted_language_model.h"

namespace winnow::test {
namespace {

void check(const std::string& name, int shots) {
  const auto folder = real_data_folder();
  if (!folder) GTEST_SKIP() << kNoRealData;
  const GoldenRun golden = golden_run(name);
  const auto datasets = folder_source(*folder);
  ScriptedLanguageModel model;
  std::map<std::string, RunHashes> hashes;
  std::size_t documents = 0;
  const auto task = Registry<Task>::instance().make("mmlu", {{"shots", shots}});
  const TaskRun run = run_task(*task, *datasets, model, [&](const Example& example, const auto& responses, const auto& answers) {
    EXPECT_TRUE(expect_recorded(golden, example, responses, answers));
    hashes[example.record.leaf].add(example, prompt_of(example));
    ++documents;
  });
  EXPECT_EQ(documents, 14042u);
  EXPECT_EQ(hashes.size(), 57u);
  for (const auto& [leaf, of_leaf] : hashes) {
    const Json& recorded = golden.summary.at("hashes").at(leaf);
    EXPECT_EQ(recorded.at("prompt_hashes_sha256"), of_leaf.prompt_hashes()) << leaf;
    EXPECT_EQ(recorded.at("doc_hashes_sha256"), of_leaf.doc_hashes()) << leaf;
    EXPECT_EQ(recorded.at("task_hash"), of_leaf.task_hash(1)) << leaf;
    expect_result(golden, leaf, run.metric("acc", "none", leaf));
  }
  EXPECT_EQ(run.metrics.front().name, "acc");
  EXPECT_EQ(run.metrics.front().leaf, "");
  expect_result(golden, "mmlu", run.metrics.front());
  for (const char* group : {"mmlu_stem", "mmlu_other", "mmlu_social_sciences", "mmlu_humanities"})
    expect_result(golden, group, run.metric("acc", "none", group));
}

TEST(MmluSlow, EqualsTheRecordedRunWithoutShots) { check("scripted_mmlu_0shot", 0); }
TEST(MmluSlow, EqualsTheRecordedRunWithFiveShots) { check("scripted_mmlu_5shot", 5); }

}  // namespace
}  // namespace winnow::test
