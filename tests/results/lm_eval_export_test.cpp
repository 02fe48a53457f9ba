#include "results/lm_eval_export.h"

#include <SQLiteCpp/Database.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "harness/core/json.h"
#include "results/lm_eval_layout.h"
#include "tests/results/graded_store.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

Json recorded_runs() { return read_json_file(test::fixture("results/lm_eval_runs.json")); }

std::vector<std::string> keys(const OrderedJson& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

std::vector<Json> read_lines(const std::filesystem::path& file) {
  std::istringstream text(test::read_text(file));
  std::vector<Json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(parse_json(line, file.string()));
  return lines;
}

class LmEvalExport : public testing::Test {
 protected:
  // A store in which the recorded run was made.
  void save_run(const Json& run, const std::string& task, const std::vector<std::string>& metrics) {
    Store store = Store::open(folder_ / "store.sqlite");
    Cell cell = test::make_cell("org/tiny", "dense", task);
    cell.identity = {{"task", {{"task", task}, {"version", 2}, {"settings", {{"shots", 0}}}}}};
    const auto id = store.begin(cell, {{"commit", "abc"}}).id;
    for (const Json& sample : run["samples"]) store.append(id, std::vector{answer_of(sample)}, {});
    TrialEnd end;
    for (const auto& [leaf, result] : run["results"].items()) {
      for (const std::string& name : metrics) {
        Metric metric{name, "none", result[name + ",none"], std::nullopt, "share", run["higher_is_better"][leaf][name], result["sample_len"]};
        if (const Json& error = result[name + "_stderr,none"]; error.is_number()) metric.standard_error = error.get<double>();
        if (leaf != task) metric.leaf = leaf;
        end.metrics.push_back(metric);
      }
    }
    end.metrics.push_back({"peak_bytes", "none", 1e6, std::nullopt, "bytes", false, 1});
    end.seconds = {{"total", 2.5}};
    store.finish(id, end);
  }

  static RecordedAnswer answer_of(const Json& sample) {
    RecordedAnswer answer;
    const Json target = sample.value("target", Json(""));
    answer.example = {sample["task"],
                      "",
                      sample["doc_id"],
                      "{\n  \"b\": 1,\n  \"a\": \"é\"\n}",
                      sample["doc_hash"],
                      target.is_string() ? target.get<std::string>() : target.dump(),
                      {}};
    answer.prompt = "prompt";
    if (sample.contains("words")) {
      answer.log_likelihoods = {sample["ll"].get<double>()};
      answer.greedy = {false};
      answer.answers = {{"none", "", {{"log_likelihood", sample["ll"]}, {"words", sample["words"]}, {"bytes", sample["bytes"]}}}};
    } else {
      answer.arguments = {" A", " B", " C", " D"};
      answer.log_likelihoods = sample["ll"].get<std::vector<double>>();
      for (const Json& greedy : sample["greedy"]) answer.greedy.push_back(greedy != 0);
      answer.answers = {{"none", "", {{"acc", sample["metrics"]["acc"]}, {"tied", 0}}}};
    }
    return answer;
  }

  std::vector<std::filesystem::path> write() {
    std::vector<Store> stores;
    stores.push_back(Store::open_read_only(folder_ / "store.sqlite"));
    return export_lm_eval(stores, folder_ / "out");
  }
  static std::filesystem::path find(const std::vector<std::filesystem::path>& files, const std::string& start) {
    for (const auto& file : files) {
      if (file.filename().string().starts_with(start)) return file;
    }
    ADD_FAILURE() << "no file " << start;
    return {};
  }

  test::TemporaryFolder folder_;
};

TEST_F(LmEvalExport, ResultsOfSubjectsEqualTheRecordedRun) {
  const Json run = recorded_runs()["tiny_mmlu6_0shot"];
  save_run(run, "mmlu", {"acc"});
  const auto files = write();
  EXPECT_THAT(files, SizeIs(7));
  EXPECT_EQ(files[0].parent_path(), folder_ / "out/org__tiny__dense");
  const Json written = read_json_file(find(files, "results_"));
  EXPECT_EQ(written["results"], run["results"]);
  EXPECT_EQ(written["higher_is_better"], run["higher_is_better"]);
  EXPECT_EQ(written["n-shot"], run["n-shot"]);
  EXPECT_EQ(written["group_subtasks"], run["group_subtasks"]);
  EXPECT_EQ(written["git_hash"], "abc");
  EXPECT_EQ(written["total_evaluation_time_seconds"], "2.5");
  for (const char* key : {"configs", "versions", "n-samples", "config", "date", "pretty_env_info", "lm_eval_version", "task_hashes", "model_name",
                          "model_name_sanitized", "chat_template"}) {
    EXPECT_TRUE(written.contains(key)) << key;
  }
}

TEST_F(LmEvalExport, SamplesHoldOneObjectPerDocumentWithTheRecordedHashesAndNumbers) {
  const Json run = recorded_runs()["tiny_mmlu6_0shot"];
  save_run(run, "mmlu", {"acc"});
  const std::vector<Json> samples = read_lines(find(write(), "samples_mmlu_abstract_algebra_"));
  ASSERT_EQ(samples.size(), 20u);
  const Json& golden = run["samples"][0];
  EXPECT_EQ(samples[0]["doc_hash"], golden["doc_hash"]);
  EXPECT_EQ(samples[0]["doc"], Json({{"a", "é"}, {"b", 1}}));
  EXPECT_EQ(samples[0]["target"], "1");
  EXPECT_EQ(samples[0]["arguments"]["gen_args_3"], Json({{"arg_0", "prompt"}, {"arg_1", " D"}}));
  EXPECT_EQ(samples[0]["resps"][1], Json::array({Json::array({python_float(golden["ll"][1]), "False"})}));
  EXPECT_EQ(samples[0]["filtered_resps"][1], Json::array({python_float(golden["ll"][1]), "False"}));
  EXPECT_EQ(samples[0]["metrics"], Json::array({"acc"}));
  EXPECT_EQ(samples[0]["acc"], golden["metrics"]["acc"]);
}

TEST_F(LmEvalExport, PerplexitiesHaveNoErrorAndKeepTheirSums) {
  const Json run = recorded_runs()["tiny_wikitext_256"];
  save_run(run, "wikitext", {"word_perplexity", "byte_perplexity", "bits_per_byte"});
  const auto files = write();
  EXPECT_EQ(read_json_file(find(files, "results_"))["results"], run["results"]);
  const Json sample = read_lines(find(files, "samples_wikitext_")).at(0);
  EXPECT_EQ(sample["word_perplexity"], Json::array({run["samples"][0]["ll"], run["samples"][0]["words"]}));
  EXPECT_EQ(sample["bits_per_byte"], Json::array({run["samples"][0]["ll"], run["samples"][0]["bytes"]}));
  EXPECT_EQ(sample["arguments"], Json({{"gen_args_0", {{"arg_0", "prompt"}}}}));
  EXPECT_EQ(sample["resps"], Json::array({Json::array({python_float(run["samples"][0]["ll"])})}));
}

TEST_F(LmEvalExport, GroupsAreNestedAsRecorded) {
  const Json run = recorded_runs()["scripted_mmlu_0shot"];
  Trial trial;
  trial.cell = test::make_cell("m", "dense", "mmlu");
  std::map<std::string, std::string> parents;
  for (const auto& [group, members] : run["group_subtasks"].items()) {
    for (const Json& member : members) parents[member] = group;
  }
  std::vector<LeafSamples> leaves;
  for (const auto& [name, result] : run["results"].items()) {
    trial.metrics.push_back({"acc", "none", result["acc,none"], result["acc_stderr,none"].get<double>(), "share", true, result["sample_len"]});
    if (name != "mmlu") trial.metrics.back().leaf = name;
    trial.metrics.back().parent = parents[name];
    if (!result.contains("sample_count")) leaves.push_back({name, result["sample_len"], ""});
  }
  trial.cell.identity = {{"task", {{"version", 1}}}};
  const TrialResults written = trial_results(trial, leaves);
  EXPECT_EQ(Json(written.results), run["results"]);
  EXPECT_EQ(written.versions["mmlu"], 2);
  EXPECT_EQ(written.versions["mmlu_stem"], 2);
  EXPECT_EQ(written.versions["mmlu_anatomy"], 1);
  EXPECT_EQ(Json(written.groups), run["groups"]);
  for (const auto& [group, members] : run["group_subtasks"].items()) EXPECT_THAT(written.group_subtasks[group], SizeIs(members.size())) << group;
  EXPECT_EQ(Json(written.higher_is_better), run["higher_is_better"]);
  EXPECT_THAT(keys(written.results["mmlu_stem"]), ElementsAre("alias", "name", "sample_len", "acc,none", "acc_stderr,none", "sample_count"));
  EXPECT_THAT(keys(written.results["mmlu_anatomy"]), ElementsAre("name", "alias", "sample_len", "acc,none", "acc_stderr,none"));
}

TEST_F(LmEvalExport, SomeSubjectsMakeNoWholeAndNoGroupThatMissesOne) {
  Trial trial;
  trial.cell = test::make_cell("m", "dense", "a few subjects");
  trial.cell.identity = {{"task", {{"task", "mmlu"}, {"version", 1}, {"settings", {{"dataset", "mmlu"}, {"shots", 2}}}}}};
  const auto add = [&](const char* leaf, const char* parent) { trial.metrics.push_back({"acc", "none", 0.5, 0.1, "share", true, 10, leaf, parent}); };
  add("", "");
  add("mmlu_virology", "mmlu_other");
  const std::vector<LeafSamples> virology = {{"mmlu_virology", 10, ""}};
  TrialResults written = trial_results(trial, virology);
  EXPECT_THAT(keys(written.results), ElementsAre("mmlu_virology"));
  EXPECT_EQ(written.results["mmlu_virology"]["alias"], "virology");
  EXPECT_TRUE(written.groups.empty() && written.group_subtasks.empty());
  EXPECT_EQ(Json(written.shots), Json({{"mmlu_virology", 2}}));

  add("mmlu_stem", "mmlu");  // a group that was asked for as a whole
  add("mmlu_anatomy", "mmlu_stem");
  written = trial_results(trial, std::vector<LeafSamples>{{"mmlu_anatomy", 10, ""}, {"mmlu_virology", 10, ""}});
  EXPECT_THAT(keys(written.results), ElementsAre("mmlu_virology", "mmlu_anatomy", "mmlu_stem"));
  EXPECT_EQ(Json(written.group_subtasks), Json({{"mmlu_stem", {"mmlu_anatomy"}}}));
  EXPECT_EQ(Json(written.shots), Json({{"mmlu_anatomy", 2}, {"mmlu_virology", 2}, {"mmlu_stem", 2}}));
}

TEST_F(LmEvalExport, SeedAndLimitAreThoseOfTheTasks) {
  const auto config_of = [&](const std::vector<Json>& settings) {
    const test::TemporaryFolder folder;
    {
      Store store = Store::open(folder / "store.sqlite");
      for (const Json& one : settings) {
        Cell cell = test::make_cell("m", "dense", one.at("task"));
        cell.identity = {{"task", {{"settings", one}}}};
        const auto id = store.begin(cell, {}).id;
        store.append(id, std::vector{test::make_answer(0)}, {});
        store.finish(id, {TrialStatus::kOk, "", {{"exact_match", "strict-match", 1, std::nullopt, "share", true, 1}}, {}});
      }
    }
    std::vector<Store> stores;
    stores.push_back(Store::open_read_only(folder / "store.sqlite"));
    return read_json_file(find(export_lm_eval(stores, folder / "out"), "results_")).at("config");
  };
  const Json one = config_of({{{"task", "a"}, {"seed", 42}, {"limit", 7}}});
  EXPECT_EQ(one["fewshot_seed"], 42);
  EXPECT_EQ(one["limit"], 7);
  const Json two = config_of({{{"task", "a"}, {"seed", 42}}, {{"task", "b"}, {"seed", 1234}}});
  EXPECT_TRUE(two["fewshot_seed"].is_null() && two["limit"].is_null());
}

TEST_F(LmEvalExport, AGeneratedReplyStandsOncePerFilter) {
  {
    Store store = Store::open(folder_ / "store.sqlite");
    const auto id = store.begin(test::make_cell("../..", "a/b", "gsm8k"), {}).id;
    store.append(id, std::vector{test::make_answer(1), test::make_answer(0)}, {});
    store.finish(id, {TrialStatus::kOk,
                      "",
                      {{"exact_match", "strict-match", 0.5, 0.5, "share", true, 2}, {"exact_match", "flexible-extract", 1, 0.0, "share", true, 2}},
                      {}});
  }
  const auto files = write();
  EXPECT_EQ(files[0].parent_path(), folder_ / "out/_..__..__a__b");
  const std::vector<Json> samples = read_lines(find(files, "samples_gsm8k_"));
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_EQ(samples[1]["filter"], "strict-match");
  EXPECT_EQ(samples[1]["doc_id"], 1);
  EXPECT_EQ(samples[2]["filter"], "flexible-extract");
  EXPECT_EQ(samples[3]["resps"], Json::array({Json::array({"It is 1.\n#### 1"})}));
  EXPECT_EQ(samples[3]["filtered_resps"], Json::array({"1."}));
  EXPECT_EQ(samples[3]["exact_match"], 1.0);
  EXPECT_EQ(samples[3]["arguments"]["gen_args_0"]["arg_1"]["until"], Json::array({"Question:", "</s>"}));
}

TEST_F(LmEvalExport, ChoicesWithContextsOfTheirOwnKeepThem) {
  {
    Store store = Store::open(folder_ / "store.sqlite");
    const auto id = store.begin(test::make_cell("m", "dense", "winogrande"), {}).id;
    RecordedAnswer answer = test::make_answer(0);
    answer.prompt = "as box";
    answer.arguments = {" is small.", " is small."};
    answer.contexts = {"as box", std::string("as \0bag", 7)};
    answer.log_likelihoods = {-1, -2};
    answer.greedy = {true, false};
    answer.answers = {{"none", "", {{"acc", 1}}}};
    store.append(id, std::vector{answer}, {});
    store.finish(id, {TrialStatus::kOk, "", {{"acc", "none", 1, std::nullopt, "share", true, 1}}, {}});
    store.for_each_answer(id, [&](const RecordedAnswer& read) {
      EXPECT_EQ(read.contexts, answer.contexts);
      EXPECT_EQ(read.arguments, answer.arguments);
      EXPECT_EQ(read.prompt, "as box");
    });
  }
  const Json sample = read_lines(find(write(), "samples_")).at(0);
  EXPECT_EQ(sample["arguments"]["gen_args_0"], Json({{"arg_0", "as box"}, {"arg_1", " is small."}}));
  EXPECT_EQ(sample["arguments"]["gen_args_1"], Json({{"arg_0", std::string("as \0bag", 7)}, {"arg_1", " is small."}}));
}

TEST_F(LmEvalExport, SaysHowManyDocumentsThereAreUnderALimit) {
  Trial trial;
  trial.cell = test::make_cell("m", "dense", "arc_easy");
  trial.cell.identity = {{"task", {{"task", "arc_easy"}, {"version", 1}, {"settings", {{"limit", 40}}}}}};
  trial.metrics = {{"acc", "none", 0.5, 0.1, "share", true, 40}};
  const std::vector<LeafSamples> leaves = {{"arc_easy", 40, ""}};
  EXPECT_EQ(Json(trial_results(trial, leaves).sample_counts), Json({{"arc_easy", {{"original", nullptr}, {"effective", 40}}}})) << "a store of before";
  trial.metrics.push_back({"documents", "none", 2376, std::nullopt, "examples", true, 2376, "arc_easy"});
  const TrialResults written = trial_results(trial, leaves);
  EXPECT_EQ(Json(written.sample_counts), Json({{"arc_easy", {{"original", 2376}, {"effective", 40}}}}));
  EXPECT_THAT(keys(written.results["arc_easy"]), ElementsAre("name", "alias", "sample_len", "acc,none", "acc_stderr,none"));
}

TEST_F(LmEvalExport, TasksThatShareALeafStandInFilesOfTheirOwn) {
  {
    Store store = Store::open(folder_ / "store.sqlite");
    for (const char* task : {"lu_average", "boolq"}) {
      const auto id = store.begin(test::make_cell("m", "dense", task), {}).id;
      RecordedAnswer answer = test::make_answer(0);
      answer.example.leaf = "boolq";
      store.append(id, std::vector{answer}, {});
      std::vector<Metric> metrics = {{"acc", "none", 1, std::nullopt, "share", true, 1}};
      if (task == std::string("lu_average")) metrics.push_back({"acc", "none", 1, std::nullopt, "share", true, 1, "boolq", "lu_average"});
      store.finish(id, {TrialStatus::kOk, "", metrics, {}});
    }
  }
  const auto files = write();
  EXPECT_THAT(files, SizeIs(4));
  const Json group = read_json_file(files[1]);
  EXPECT_EQ(group["group_subtasks"], Json({{"lu_average", {"boolq"}}}));
  EXPECT_EQ(group["versions"]["boolq"], 2);
  EXPECT_NE(files[0].parent_path(), files[2].parent_path());
}

TEST_F(LmEvalExport, ATimeThatNobodyOfOursWroteIsNoPath) {
  {
    Store store = Store::open(folder_ / "store.sqlite");
    test::add_trial(store, {"dense", {{"gsm8k", {1, 0}}}});
  }
  SQLite::Database((folder_ / "store.sqlite").string(), SQLite::OPEN_READWRITE).exec("UPDATE trials SET started_at = '/../../x:1'");
  std::vector<Store> stores;
  stores.push_back(Store::open_read_only(folder_ / "store.sqlite"));
  for (const std::filesystem::path& file : export_lm_eval(stores, folder_ / "out")) EXPECT_EQ(file.parent_path(), folder_ / "out" / "tiny__dense");
}

TEST_F(LmEvalExport, AStoreWithoutAGoodTrialIsRefused) {
  Store::open(folder_ / "store.sqlite");
  EXPECT_ERROR_HAS(write(), kInput, "no trial went well");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST(PythonFloat, IsWrittenAsPythonDoes) {
  EXPECT_EQ(python_float(-6.40625), "-6.40625");
  EXPECT_EQ(python_float(1), "1.0");
  EXPECT_EQ(python_float(0.0001), "0.0001");
  EXPECT_EQ(python_float(0.00001), "1e-05");
  EXPECT_EQ(python_float(1e16), "1e+16");
  EXPECT_EQ(python_float(123456789012345680.0), "1.2345678901234568e+17");
  EXPECT_EQ(python_float(9999999999999998.0), "9999999999999998.0");
  EXPECT_EQ(python_float(-0.0), "-0.0");
}

}  // namespace
}  // namespace winnow
