#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/core/json.h"
#include "tests/results/graded_store.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow {
namespace {

using test::ProgramResult;
using test::run_winnow;
using testing::HasSubstr;

class GateProgram : public testing::Test {
 protected:
  GateProgram() {
    const auto [dense, pruned] = test::paired_grades(780, 10, 8, 202);
    Store both = Store::open(folder_ / "both.sqlite"), alone = Store::open(folder_ / "alone.sqlite");
    test::add_trial(both, {"dense", {{"gsm8k", dense}}});
    test::add_trial(both, {"pruned", {{"gsm8k", pruned}}});
    test::add_trial(alone, {"pruned", {{"gsm8k", pruned}}});
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  ProgramResult gate(const std::string& rule, const std::vector<std::string>& more = {}, const std::string& store = "both.sqlite",
                     const test::ProgramOptions& options = {}) const {
    folder_.write("rules.json", "{\"rules\": [\"" + rule + "\"]}");
    std::vector<std::string> arguments{"gate", path(store), "--rules", path("rules.json")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_winnow(arguments, options);
  }
  test::TemporaryFolder folder_;
};

TEST_F(GateProgram, TheExitCodeIsTheVerdict) {
  const ProgramResult pass = gate("retention(gsm8k) >= 0.95 vs dense", {"--junit", path("gate.xml"), "--summary", path("gate.md")});
  EXPECT_EQ(pass.exit_code, 0) << pass.errors;
  EXPECT_THAT(pass.output, HasSubstr("# Gate: pass"));
  EXPECT_THAT(test::read_text(path("gate.xml")), HasSubstr("<testcase classname=\"tiny/pruned\" name=\"retention(gsm8k) &gt;= 0.95 vs dense\" time=\"0\">"));
  EXPECT_EQ(test::read_text(path("gate.md")), pass.output);
  EXPECT_EQ(gate("retention(gsm8k) >= 1.05 vs dense").exit_code, 1);
  const ProgramResult unsure = gate("retention(gsm8k) >= 0.995 vs dense", {"--format", "json"});
  EXPECT_EQ(unsure.exit_code, 5);
  EXPECT_GT(parse_json(unsure.output, "gate")["rules"][0]["examples_needed"], 1000);
  const ProgramResult wrong = gate("retention(gsm9k) >= 0.9");
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_THAT(wrong.errors, HasSubstr("did you mean 'gsm8k'?"));
  EXPECT_EQ(gate("retention(gsm8k) ~ 0.9").exit_code, 3);
  EXPECT_EQ(run_winnow({"gate", path("both.sqlite")}).exit_code, 2);
}

TEST_F(GateProgram, ABaselineStandsInForTheDenseModel) {
  const ProgramResult written = gate("gsm8k >= 0.5", {"--write-baseline", path("baseline.json")});
  ASSERT_EQ(written.exit_code, 0) << written.errors;
  EXPECT_LT(test::read_text(path("baseline.json")).size(), 20000u);
  const std::string rule = "retention(gsm8k) >= 0.95 vs dense";
  const ProgramResult direct = gate(rule), later = gate(rule, {"--baseline", path("baseline.json")}, "alone.sqlite");
  EXPECT_EQ(later.exit_code, 0) << later.errors;
  EXPECT_EQ(later.output, direct.output);
  EXPECT_EQ(gate(rule, {}, "alone.sqlite").exit_code, 3);
  const ProgramResult failed = gate("gsm8k >= 0.99", {"--write-baseline", path("never.json")});
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_FALSE(std::filesystem::exists(path("never.json")));
}

TEST_F(GateProgram, GithubGetsAnnotationsAndTheSummary) {
  const ProgramResult result = gate("gsm8k >= 0.99", {"--github"}, "both.sqlite", {.environment = {{"GITHUB_STEP_SUMMARY", path("summary")}}});
  EXPECT_THAT(result.output, HasSubstr("::error title=gsm8k >= 0.99 · tiny · pruned::fail: gsm8k is 0.7880 (95 %25 0.7616 … 0.8122), to be >= 0.9900\n"));
  EXPECT_THAT(test::read_text(path("summary")), HasSubstr("# Gate: fail"));
  EXPECT_EQ(gate("gsm8k >= 0.99", {"--github", "--format", "json"}).exit_code, 2);
}

TEST_F(GateProgram, CompareAndShowReadTheSameStore) {
  const ProgramResult compared = run_winnow({"compare", path("both.sqlite"), "dense", "pruned", "--format", "json"});
  ASSERT_EQ(compared.exit_code, 0) << compared.errors;
  EXPECT_EQ(parse_json(compared.output, "compare")["scores"][0]["counts"]["only_first"], 10);
  EXPECT_EQ(run_winnow({"compare", path("both.sqlite"), "dense", "prund"}).exit_code, 2);
  const ProgramResult shown = run_winnow({"show", path("both.sqlite"), "gsm8k/785"});
  ASSERT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_THAT(shown.output, HasSubstr("tiny · dense   against   tiny · pruned"));
  EXPECT_EQ(run_winnow({"show", path("both.sqlite"), "gsm8k/5000"}).exit_code, 2);
}

TEST_F(GateProgram, NothingThatIsShownIsAWorkflowCommand) {
  {
    Store store = Store::open(folder_ / "theirs.sqlite");
    test::add_trial(store, {.variant = "dense", .grades = {{"gsm8k", {1}}}, .prompt = "::error::\n ::set-output name=x::"});
  }
  const ProgramResult shown = run_winnow({"show", path("theirs.sqlite"), "gsm8k/0"});
  EXPECT_THAT(shown.output, HasSubstr("\n\\x3a:error::\n \\x3a:set-output name=x::"));
}

// The files that people copy work as they stand.
TEST(CiSweep, RunsAndPassesItsOwnGate) {
  const test::TemporaryFolder folder;
  const std::filesystem::path sweeps = test::source_folder() / "harness/sweeps/ci";
  const test::ProgramOptions options{.environment = {{"WINNOW_CACHE", (folder / "cache").string()}}};
  const ProgramResult run = run_winnow({"run", (sweeps / "gate.json").string(), "--data", (test::source_folder() / "datasets").string(), "--store",
                                        (folder / "gate.sqlite").string(), "--quiet"},
                                       options);
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  const ProgramResult gate =
      run_winnow({"gate", (folder / "gate.sqlite").string(), "--rules", (sweeps / "rules.json").string(), "--write-baseline", (folder / "b.json").string()});
  EXPECT_EQ(gate.exit_code, 0) << gate.output << gate.errors;
}

}  // namespace
}  // namespace winnow
