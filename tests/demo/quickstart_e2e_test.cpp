#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "harness/core/json.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow {
namespace {

using test::ProgramResult;
using test::run_winnow;
using testing::HasSubstr;

// The embedded model and data sets through the program, as a newcomer runs them.
class Quickstart : public testing::Test {
 protected:
  ProgramResult run(const std::string& sweep, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"run", sweep, "--data", (test::source_folder() / "datasets").string(), "--store", store_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_winnow(arguments, {.seconds = 400, .environment = {{"OMP_NUM_THREADS", "1"}}});
  }
  Json report() const {
    const ProgramResult result = run_winnow({"report", store_, "--format", "json"});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return Json::parse(result.output);
  }

  test::TemporaryFolder folder_;
  const std::string store_ = (folder_ / "store.sqlite").string();
};

double metric(const Json& trial, const std::string& name, const std::string& filter) {
  for (const Json& metric : trial.at("metrics")) {
    if (metric.at("name") == name && metric.at("filter") == filter && !metric.contains("leaf")) return metric.at("value");
  }
  ADD_FAILURE() << "no metric " << name;
  return 0;
}

TEST_F(Quickstart, TheSmallSweepEndsWithALeaderboardOfDifferencesFromTheWholeModel) {
  const std::string sweep = (test::source_folder() / "harness/sweeps/quickstart-small.json").string();
  const ProgramResult result = run(sweep);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  for (const char* text : {"| demo | dense |", "| demo | STUN 50 % |", "| demo | Wanda 65 % |", "paired 95 % interval", "zeros in dense"})
    EXPECT_THAT(result.output, HasSubstr(text));
  const ProgramResult again = run(sweep);
  EXPECT_THAT(again.errors, HasSubstr("cells are done"));
  const ProgramResult picture = run_winnow({"report", store_, "--format", "svg", "--task", "demo_gsm8k"});
  EXPECT_EQ(picture.exit_code, 0) << picture.errors;
  EXPECT_THAT(picture.output, testing::AllOf(HasSubstr("<svg"), HasSubstr("experts removed"), HasSubstr("weights masked")));
}

// "| demo_gsm8k, 0 shots | 0.8015 |" of the model card, by the first words.
std::map<std::string, std::string> scores_of_the_card() {
  std::map<std::string, std::string> scores;
  const std::string card = test::read_text(test::source_folder() / "harness/demo/model/README.md");
  for (std::size_t at = card.find("| demo_"); at != std::string::npos; at = card.find("| demo_", at + 1)) {
    const std::size_t name_end = card.find_first_of(", ", at + 2), value = card.find("| ", name_end) + 2;
    scores[card.substr(at + 2, name_end - at - 2)] = card.substr(value, card.find(' ', value) - value);
  }
  return scores;
}

TEST_F(Quickstart, TheModelCardsScoresComeOutToTheDigit) {
  const auto sweep = folder_.write(
      "card.json",
      fmt::format(R"({{"name": "card", "models": [{{"name": "demo", "path": "{}", "dtype": "f32"}}], "variants": [{{"label": "dense", "steps": []}}],
    "tasks": [{{"task": "gsm8k", "dataset": "demo_gsm8k", "shots": 0, "max_new_tokens": 128}}, {{"task": "mmlu", "dataset": "demo_mmlu", "shots": 0}}]}})",
                  (test::source_folder() / "harness/demo/model").string()));
  const ProgramResult result = run(sweep.string(), {"--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const auto card = scores_of_the_card();
  const Json trials = report().at("trials");
  EXPECT_EQ(fmt::format("{:.4f}", metric(trials.at(0), "exact_match", "strict-match")), card.at("demo_gsm8k"));
  EXPECT_EQ(fmt::format("{:.4f}", metric(trials.at(1), "acc", "none")), card.at("demo_mmlu"));
}

}  // namespace
}  // namespace winnow
