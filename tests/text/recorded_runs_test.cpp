// Whole tasks over tiny_mixtral against recorded runs of lm-evaluation-harness: prompts, ids, log-likelihoods, metrics.
#include "harness/text/windows.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/golden_runs.h"
#include "tests/support/recorded_data.h"
#include "tests/text/tiny_runs.h"

namespace winnow {
namespace {

// Ids before truncation, where the row has them.
void expect_ids(const Json& row, const Example& example, const PromptEncoder& encoder) {
  if (row.contains("ids_sha256")) {
    const TokenIds ids = encoder.encode(test::prompt_of(example));
    EXPECT_EQ(ids.size(), row.at("n_ids").get<std::size_t>());
    EXPECT_EQ(ids_sha256(ids), row["ids_sha256"].get<std::string>());
  }
  if (!row.contains("cont_ids")) return;
  for (std::size_t i = 0; i < example.requests.size(); ++i) {
    const auto& request = std::get<ScoreRequest>(example.requests[i]);
    const TokenPair pair = encode_pair(encoder, request.context, request.continuation);
    const auto of_choice = [&](const char* key) { return row.at(key).is_array() ? row.at(key)[i] : row.at(key); };
    EXPECT_EQ(pair.continuation, row["cont_ids"].at(i).get<TokenIds>());
    EXPECT_EQ(ids_sha256(pair.context), of_choice("ctx_ids_sha256").get<std::string>());
  }
}

// The metrics of a recorded task: a subject of MMLU is a leaf of the trial.
void expect_results(const test::GoldenRun& golden, const std::string& task, const test::TaskRun& run) {
  for (const Metric& metric : run.metrics) {
    if (metric.unit == "share" && metric.leaf == (task.starts_with("mmlu_") ? task : "")) test::expect_result(golden, task, metric);
    if (metric.name == "word_perplexity") EXPECT_NEAR(metric.value / golden.summary.at("results").at(task).at("word_perplexity,none").get<double>(), 1, 1e-3);
  }
}

void expect_run(const std::string& run, Json settings, const AnswerSettings& reading = {}) {
  SCOPED_TRACE(run);
  const test::GoldenRun golden = test::golden_run(run);
  const auto datasets = test::folder_source(test::recorded_data_folder());
  const auto tokenizer = Tokenizer::open(test::fixture("lm_eval/tiny_mixtral"), 32000);
  const PromptEncoder encoder(*tokenizer, reading.add_bos);
  const auto model = tiny_mixtral();
  settings["limit"] = golden.summary.at("settings").at("limit");
  std::size_t documents = 0;
  for (const Json& name : golden.summary["settings"]["tasks"]) {
    std::string task = name;
    Json of_task = settings;
    if (task.starts_with("mmlu_")) of_task["subjects"] = {task.substr(5)};
    const auto made = Registry<Task>::instance().make(task.starts_with("mmlu_") ? "mmlu" : task, of_task);
    const test::TaskRun done = test::run_task(
        *made, *datasets, *model,
        [&](const Example& example, const auto& responses, const auto& answers) {
          EXPECT_TRUE(test::expect_recorded(golden, example, responses, answers, 1e-3));
          expect_ids(golden.rows.at({example.record.leaf, example.record.doc_id}), example, encoder);
          ++documents;
        },
        reading);
    expect_results(golden, task, done);
  }
  EXPECT_EQ(documents, golden.rows.size());
}

// Its values depend on the kernels and are not for comparison: what is asked is.
TEST(RecordedRun, TinyBf16ZeroshotAsksTheSame) {
  const test::GoldenRun golden = test::golden_run("tiny_bf16_zeroshot");
  const auto datasets = test::folder_source(test::recorded_data_folder());
  const auto tokenizer = Tokenizer::open(test::fixture("lm_eval/tiny_mixtral"), 32000);
  const PromptEncoder encoder(*tokenizer, {});
  std::size_t documents = 0;
  for (const auto& [task, settings] :
       {std::pair{"arc_challenge", Json{{"limit", 40}}}, {"hellaswag", Json{{"limit", 40}}}, {"mmlu", Json{{"limit", 40}, {"subjects", {"virology"}}}}}) {
    const auto made = Registry<Task>::instance().make(task, settings);
    const ExampleList examples = made->examples({.datasets = datasets.get(), .encode = {}});
    for (std::size_t i = 0; i < examples.count; ++i, ++documents) {
      const Example example = examples.make(i);
      const Json& row = golden.rows.at({example.record.leaf, example.record.doc_id});
      EXPECT_EQ(row.at("prompt_hash"), sha256_hex(test::prompt_of(example)));
      EXPECT_EQ(row.at("gold"), example.record.gold.value());
      expect_ids(row, example, encoder);
    }
  }
  EXPECT_EQ(documents, golden.rows.size());
}

TEST(RecordedRun, TinyZeroshot) { expect_run("tiny_zeroshot", Json::object()); }
TEST(RecordedRun, TinyFewshot3Seed1234) { expect_run("tiny_fewshot_3_seed1234", {{"shots", 3}}); }
TEST(RecordedRun, TinyFewshot3Seed42) { expect_run("tiny_fewshot_3_seed42", {{"shots", 3}, {"seed", 42}}); }
TEST(RecordedRun, TinyNobosZeroshot) { expect_run("tiny_nobos_zeroshot", Json::object(), {.add_bos = false}); }
TEST(RecordedRun, TinyTruncate96) { expect_run("tiny_truncate_96", {{"shots", 2}}, {.max_length = 96}); }
TEST(RecordedRun, TinyNobosWikitext256) { expect_run("tiny_nobos_wikitext_256", Json::object(), {.max_length = 256, .add_bos = false}); }
TEST(RecordedRun, TinyTruncateGsm8k128) { expect_run("tiny_truncate_gsm8k_128", {{"shots", 2}, {"max_new_tokens", 32}}, {.max_length = 128}); }

}  // namespace
}  // namespace winnow
