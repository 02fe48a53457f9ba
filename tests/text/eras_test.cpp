// tiny_mixtral read as older lm-evaluation-harnesses read models: BOS, prefix token, truncation.
#include "harness/text/windows.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/era_runs.h"
#include "tests/support/recorded_data.h"
#include "tests/support/task_driver.h"
#include "tests/text/tiny_runs.h"

namespace winnow {
namespace {

class EraReading : public ::testing::TestWithParam<std::string> {
 protected:
  // The tasks of the run that have this profile.
  void check(const std::string& name, Json settings, AnswerSettings reading) {
    const test::EraRun recorded = test::era_run(GetParam(), name);
    const auto datasets = test::folder_source(test::recorded_data_folder());
    const auto model = tiny_mixtral();
    settings["profile"] = reading.profile = GetParam();
    for (const std::string& task : recorded.tasks()) {
      if (task.starts_with("hendrycksTest")) continue;
      Json of_task = settings;
      of_task["limit"] = recorded.order_of(task).size();
      const bool is_subject = task.starts_with("mmlu_");
      if (is_subject) of_task["subjects"] = {task.substr(5)};
      std::size_t documents = 0;
      test::run_task(
          *Registry<Task>::instance().make(is_subject ? "mmlu" : task, of_task), *datasets, *model,
          [&](const Example& example, const auto& responses, const auto& answers) {
            if (is_subject) {
              for (std::size_t i = 0; i < responses.size(); ++i) {
                EXPECT_NEAR(responses[i].log_likelihood, recorded.rows.at({task, example.record.doc_id}).at("ll").at(i).template get<double>(), 1e-3);
              }
            } else {
              test::expect_recorded(recorded, example, responses, answers, 1e-3);
            }
            ++documents;
          },
          reading);
      EXPECT_EQ(documents, recorded.order_of(task).size()) << task;
    }
  }

  Json direct() const { return read_json_file(test::fixture("lm_eval/eras/" + GetParam() + "/tiny_direct.json")); }
};

TEST_P(EraReading, OfTheZeroShotSuiteIsAsRecorded) { check("tiny_zeroshot", Json::object(), {}); }
TEST_P(EraReading, OfTruncatedPromptsIsAsRecorded) { check("tiny_truncate", {{"shots", 2}}, {.max_length = 96}); }

TEST_P(EraReading, OfPairsIsAsRecorded) {
  const auto tokenizer = Tokenizer::open(test::fixture("lm_eval/tiny_mixtral"), 32000);
  const PromptEncoder encoder(*tokenizer, {}, GetParam());
  const auto model = tiny_mixtral();
  const Json recorded = direct();
  ASSERT_EQ(recorded.at("loglikelihood").size(), 10u);
  for (const Json& row : recorded["loglikelihood"]) {
    const TokenPair pair = encode_pair(encoder, row.at("context").get<std::string>(), row.at("continuation").get<std::string>());
    EXPECT_EQ(pair.context, row.at("ctx_ids").get<TokenIds>()) << row["context"];
    EXPECT_EQ(pair.continuation, row.at("cont_ids").get<TokenIds>()) << row["context"];
    const auto response =
        answers(*model, {ScoreRequest{row["context"], row["continuation"]}}, {.max_length = recorded["max_length"], .profile = GetParam()}).at(0);
    EXPECT_NEAR(response.log_likelihood, row.at("ll").get<double>(), 1e-3) << row["context"];
    EXPECT_EQ(response.is_greedy, row.at("greedy") != 0);
  }
}

TEST_P(EraReading, OfRollingTextsIsAsRecorded) {
  const auto model = tiny_mixtral();
  const Json recorded = direct();
  ASSERT_EQ(recorded.at("loglikelihood_rolling").size(), 4u);
  for (const Json& row : recorded["loglikelihood_rolling"]) {
    const auto response = answers(*model, {RollingRequest{row.at("text")}}, {.max_length = recorded["max_length"], .profile = GetParam()}).at(0);
    EXPECT_NEAR(response.log_likelihood, row.at("ll").get<double>(), 1e-5 * std::abs(row["ll"].get<double>()) + 1e-4) << row["text"];
  }
}

INSTANTIATE_TEST_SUITE_P(Profiles, EraReading, testing::Values("lmeval-0.4.9.1", "lmeval-2023-12", "lmeval-2023-07"), [](const auto& test) {
  std::string name;
  for (const char c : test.param) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace winnow
