// The zero-shot suite through the program, on recorded outputs and on tiny_mixtral, against recorded runs of lm-evaluation-harness.
#include <sstream>

#include "harness/core/digest.h"
#include "harness/core/json.h"
#include "results/store.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden_runs.h"
#include "tests/support/program.h"
#include "tests/support/recorded_data.h"
#include "tests/support/scripted_language_model.h"

namespace winnow {
namespace {

using test::GoldenRun;

const std::vector<std::string> kSuite = {"arc_easy", "arc_challenge", "boolq", "hellaswag", "openbookqa", "rte", "winogrande", "piqa"};

// A line of `winnow requests` with the scripted model's answer.
std::string answered(const std::string& line) {
  Json request = Json::parse(line);
  test::ScriptedLanguageModel model;
  const std::vector<Request> asked = {ScoreRequest{request.at("context"), request.at("continuation")}};
  model.answer(asked, {}, [&](std::size_t, const Response& response) {
    request["log_likelihood"] = response.log_likelihood;
    request["is_greedy"] = response.is_greedy;
    return Continue::kYes;
  });
  return request.dump();
}

class ZeroShotSuite : public testing::Test {
 protected:
  // A sweep of the suite's tasks with these settings over one model.
  void write(const Json& model, const Json& settings) {
    Json tasks = Json::array();
    for (const std::string& name : kSuite) {
      tasks.push_back(settings);
      tasks.back()["task"] = name;
    }
    folder_.write("sweep.json",
                  Json{{"name", "suite"}, {"models", {model}}, {"variants", {{{"label", "dense"}, {"steps", Json::array()}}}}, {"tasks", tasks}}.dump());
  }

  void run(const std::string& command, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {command, (folder_ / "sweep.json").string(), "--data", test::recorded_data_folder().string(), "--unverified-data"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const test::ProgramResult result = test::run_winnow(arguments, {.environment = {{"WINNOW_CACHE", (folder_ / "cache").string()}}});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
  }

  // Every answer in the store against the recorded row, and every metric against the recorded result where the whole run was made.
  void compare(const GoldenRun& golden, double tolerance, bool is_whole_run) {
    Store store = Store::open_read_only(folder_ / "suite.sqlite");
    std::size_t compared = 0;
    for (const Trial& trial : store.latest()) {
      EXPECT_EQ(trial.status, TrialStatus::kOk) << trial.reason;
      store.for_each_answer(trial.id, [&](const RecordedAnswer& answer) {
        const Json& row = golden.rows.at({answer.example.leaf, answer.example.doc_id});
        EXPECT_EQ(row.at("doc_hash"), answer.example.doc_hash);
        EXPECT_EQ(row.at("gold"), answer.example.gold.value());
        for (const auto& [name, value] : row.at("metrics").items())
          EXPECT_EQ(value, answer.answers.at(0).values.at(name)) << trial.cell.task << answer.example.doc_id;
        for (std::size_t i = 0; i < row.at("ll").size(); ++i) EXPECT_NEAR(row["ll"][i].get<double>(), answer.log_likelihoods.at(i), tolerance);
        ++compared;
      });
      if (!is_whole_run) continue;
      for (const Metric& metric : trial.metrics) {
        if (metric.unit == "share" && metric.name.starts_with("acc")) test::expect_result(golden, trial.cell.task, metric);
      }
    }
    EXPECT_EQ(compared, golden.rows.size());
  }

  test::TemporaryFolder folder_;
};

TEST_F(ZeroShotSuite, OnRecordedOutputsEqualsTheRecordedRun) {
  for (const auto& [name, settings] :
       {std::pair{"scripted_zeroshot", Json{{"limit", 40}}}, {"scripted_fewshot_3_seed42", Json{{"limit", 10}, {"shots", 3}, {"seed", 42}}}}) {
    std::filesystem::remove(folder_ / "suite.sqlite");
    const auto requests = folder_ / "requests.jsonl";
    folder_.write("outputs.jsonl", "{\"kind\": \"rolling\", \"text\": \"none\", \"log_likelihood\": -1}\n");
    const Json model = {{"name", "scripted"}, {"recorded", (folder_ / "outputs.jsonl").string()}};
    write(model, settings);
    run("requests", {"--out", requests.string()});
    std::istringstream lines(test::read_text(requests));
    std::string outputs;
    for (std::string line; std::getline(lines, line);) outputs += answered(line) + "\n";
    folder_.write("outputs.jsonl", outputs);
    run("run");
    compare(test::golden_run(name), 0, false);
  }
}

TEST_F(ZeroShotSuite, IsExportedAsTheHarnessWritesIt) {
  write({{"name", "tiny"}, {"path", test::fixture("lm_eval/tiny_mixtral").string()}, {"dtype", "f32"}}, {{"limit", 10}, {"shots", 3}, {"seed", 42}});
  run("run");
  const auto out = folder_ / "lm-eval";
  ASSERT_EQ(test::run_winnow({"report", (folder_ / "suite.sqlite").string(), "--format", "lm-eval", "--out", out.string()}).exit_code, 0);
  const GoldenRun golden = test::golden_run("tiny_fewshot_3_seed42");
  std::size_t samples = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(out)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("results_")) {
      const Json written = read_json_file(entry.path());
      for (const char* key : {"results", "versions", "n-shot", "n-samples", "higher_is_better"}) EXPECT_EQ(written.at(key), golden.summary.at(key)) << key;
    } else if (name.starts_with("samples_")) {
      std::istringstream lines(test::read_text(entry.path()));
      const std::string task = name.substr(8, name.rfind("_2") - 8);
      for (std::string line; std::getline(lines, line); ++samples) {
        const Json sample = Json::parse(line), &row = golden.rows.at({task, sample.at("doc_id")});
        for (const char* key : {"doc_hash", "prompt_hash"}) EXPECT_EQ(sample.at(key), row.at(key)) << task;
        for (std::size_t i = 0; i < row.value("ctx_sha256", Json::array()).size(); ++i) {
          EXPECT_EQ(sha256_hex(sample.at("arguments").at(fmt::format("gen_args_{}", i)).at("arg_0").get<std::string>()), row["ctx_sha256"][i]);
        }
      }
    }
  }
  EXPECT_EQ(samples, golden.rows.size());
}

TEST_F(ZeroShotSuite, OnTinyMixtralEqualsTheRecordedRun) {
  for (const auto& [name, settings] : {std::pair{"tiny_zeroshot", Json{{"limit", 40}}}, {"tiny_fewshot_3_seed1234", Json{{"limit", 10}, {"shots", 3}}}}) {
    std::filesystem::remove(folder_ / "suite.sqlite");
    write({{"name", "tiny"}, {"path", test::fixture("lm_eval/tiny_mixtral").string()}, {"dtype", "f32"}}, settings);
    run("run");
    compare(test::golden_run(name), 1e-3, true);
  }
}

}  // namespace
}  // namespace winnow
