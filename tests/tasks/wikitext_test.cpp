#include "harness/core/digest.h"
#include "tasks/shared/wikitext_pages.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden_runs.h"
#include "tests/support/scripted_language_model.h"

namespace winnow::test {
namespace {

TEST(Wikitext, DetokenisesAndCountsAsLmEvalDoes) {
  const Json functions = read_json_file(fixture("lm_eval/functions.json"));
  ASSERT_EQ(functions.at("wikitext_detokenizer").size(), 48u);
  for (const Json& row : functions.at("wikitext_detokenizer")) {
    const std::string page = row.at("page");
    EXPECT_EQ(detokenise(page), row.at("text")) << page;
    EXPECT_EQ(count_words(page), row.at("words")) << page;
    EXPECT_EQ(static_cast<std::int64_t>(page.size()), row.at("bytes")) << page;
  }
}

TEST(Wikitext, CutsPagesAtTitlesAndNotAtHeadings) {
  EXPECT_EQ(cut_pages(" \n = One = \n \n text \n = = Heading = = \n more \n = Two = \n end"),
            (std::vector<std::string>{" = One = \n \n text \n = = Heading = = \n more ", " = Two = \n end"}));
  EXPECT_EQ(cut_pages("no title at all\n"), std::vector<std::string>{"no title at all\n"});
  EXPECT_TRUE(cut_pages(" \n\n \n").empty());
  EXPECT_EQ(cut_pages(" = A = \n = B = "), (std::vector<std::string>{" = A = ", " = B = "}));
}

TEST(Wikitext, AggregatesAsLmEvalDoesInWhateverOrderAnswersWereSaved) {
  const Json functions = read_json_file(fixture("lm_eval/functions.json"));
  const auto task = Registry<Task>::instance().make("wikitext");
  ASSERT_EQ(functions.at("perplexity").size(), 40u);
  for (const Json& row : functions.at("perplexity")) {
    std::vector<ScoredAnswer> answers;
    for (const Json& item : row.at(0)) {
      answers.push_back(
          {"wikitext", static_cast<std::int64_t>(answers.size()), "none", {{"log_likelihood", item.at(0)}, {"words", item.at(1)}, {"bytes", item.at(1)}}});
    }
    std::reverse(answers.begin(), answers.end());
    const std::vector<Metric> metrics = task->aggregate(answers);
    EXPECT_EQ(metrics.at(0).value, row.at(1));
    EXPECT_EQ(metrics.at(2).value, row.at(2));
  }
}

TEST(Wikitext, EqualsTheRecordedRunOnTheRealFile) {
  const auto folder = real_data_folder();
  if (!folder) GTEST_SKIP() << kNoRealData;
  const GoldenRun golden = golden_run("scripted_wikitext");
  const auto datasets = folder_source(*folder);
  ScriptedLanguageModel model;
  RunHashes hashes;
  int pages = 0;
  const TaskRun run =
      run_task(*Registry<Task>::instance().make("wikitext"), *datasets, model, [&](const Example& example, const auto& responses, const auto& answers) {
        EXPECT_TRUE(expect_recorded(golden, example, responses, answers));
        const std::string page = Json::parse(example.record.doc_json).at("page");
        EXPECT_EQ(golden.rows.at({"wikitext", example.record.doc_id}).at("page_sha256"), sha256_hex(page));
        hashes.add(example, prompt_of(example));
        ++pages;
      });
  EXPECT_EQ(pages, 62);
  for (const char* name : {"word_perplexity", "byte_perplexity", "bits_per_byte"}) expect_result(golden, "wikitext", run.metric(name));
  const Json& recorded = golden.summary.at("hashes").at("wikitext");
  EXPECT_EQ(recorded.at("prompt_hashes_sha256"), hashes.prompt_hashes());
  EXPECT_EQ(recorded.at("doc_hashes_sha256"), hashes.doc_hashes());
  EXPECT_EQ(recorded.at("task_hash"), hashes.task_hash(1));
}

}  // namespace
}  // namespace winnow::test
