// The embedded data sets through the whole program, with a model that has learned nothing: sweep, calibration, store, report.
#include "harness/core/json.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow::test {
namespace {

std::string sweep_of_demo_sets() {
  return R"({"name": "demo", "models": [{"name": "tiny", "path": ")" + fixture("lm_eval/tiny_mixtral").string() + R"("}],
    "variants": [
      {"label": "dense", "steps": []},
      {"label": "frequency", "steps": [{"pruner": "frequency", "ratio": 0.25}], "calibration": {"dataset": "demo_text", "split": "calibration", "sequences": 4, "length": 128}},
      {"label": "frequency on answers", "steps": [{"pruner": "frequency", "ratio": 0.5}],
       "calibration": {"dataset": "demo_text", "split": "worked_answers", "sequences": 4, "length": 128, "loader": "packed"}}],
    "tasks": [
      {"task": "gsm8k", "dataset": "demo_gsm8k", "limit": 2, "shots": 1, "max_new_tokens": 4},
      {"task": "mmlu", "dataset": "demo_mmlu", "limit": 1, "shots": 0},
      {"task": "perplexity", "dataset": "demo_text", "window": 256, "limit": 2}]})";
}

TEST(DemoEndToEnd, EmbeddedSetsServeTasksAndCalibrationAndAreNamedInTheReport) {
  const TemporaryFolder folder;
  const auto sweep = folder.write("demo.json", sweep_of_demo_sets());
  const ProgramResult run = run_winnow({"run", sweep.string(), "--data", (source_folder() / "datasets").string()});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  const ProgramResult report = run_winnow({"report", (folder.path() / "demo.sqlite").string(), "--format", "csv"});
  EXPECT_EQ(report.exit_code, 0) << report.errors;
  for (const char* label : {"gsm8k,demo_gsm8k,ok", "mmlu,demo_mmlu,ok", "perplexity,perplexity on demo_text,ok"})
    EXPECT_THAT(report.output, testing::HasSubstr(label));
  EXPECT_THAT(report.output, testing::Not(testing::HasSubstr("unverified")));
  for (const char* subject : {"demo_mmlu_people", "demo_mmlu_arithmetic"}) EXPECT_THAT(report.output, testing::HasSubstr(subject));
}

}  // namespace
}  // namespace winnow::test
