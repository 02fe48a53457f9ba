#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include "harness/core/display_width.h"
#include "harness/core/json.h"
#include "results/store.h"
#include "tests/support/errors.h"
#include "tests/support/sample_sweep.h"

namespace winnow {
namespace {

using test::answers_in;
using test::ProgramResult;
using test::SampleSweep;
using testing::HasSubstr;

TEST(Run, PrintsTheLeaderboardAndAgainDoesNothingAndOneMoreTaskRunsJustThat) {
  const SampleSweep sweep;
  const ProgramResult first = sweep.run();
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_THAT(first.errors, HasSubstr("winnow: 8 of 8 cells ran"));
  EXPECT_THAT(first.output, HasSubstr("| tiny | dense |"));
  EXPECT_THAT(first.output, HasSubstr("| tiny | random-6 |"));
  EXPECT_THAT(first.output, HasSubstr("±"));
  EXPECT_THAT(first.output, HasSubstr("unverified"));

  const ProgramResult again = sweep.run();
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_EQ(again.errors, "winnow: all 8 cells are done\n");
  EXPECT_EQ(again.output, first.output);

  sweep.write(SampleSweep::kMoreTasks);
  const ProgramResult more = sweep.run();
  EXPECT_EQ(more.exit_code, 0);
  EXPECT_THAT(more.errors, HasSubstr("winnow: 2 of 10 cells ran, 8 were done before"));
  EXPECT_THAT(more.output, HasSubstr("| gsm8k limit=2 max_new_tokens=4 shots=0 ("));
}

TEST(Verify, ComputesMetricsAgainAndFindsAnEdit) {
  const SampleSweep sweep(R"([{"task": "gsm8k", "shots": 0, "limit": 2, "max_new_tokens": 4}, {"task": "mmlu", "subjects": ["astronomy"], "shots": 0},
  {"task": "perplexity", "dataset": "wikitext2", "window": 64, "bos": "none"}, {"task": "footprint"}])");
  const ProgramResult ran = sweep.run();
  ASSERT_EQ(ran.exit_code, 0) << ran.errors;
  const std::string store = sweep.store().string();
  const ProgramResult whole = test::run_winnow({"verify", store});
  EXPECT_EQ(whole.exit_code, 0);
  EXPECT_EQ(whole.output, store + ": trials 8, metrics computed again of 6, all as they ended\n");
  SQLite::Database(store, SQLite::OPEN_READWRITE)
      .exec(
          "UPDATE answers SET values_json = json_set(values_json, '$.acc', 0.5) WHERE id = (SELECT max(answers.id) FROM answers JOIN examples "
          "ON examples.id = example_id WHERE task LIKE 'mmlu%')");
  const ProgramResult edited = test::run_winnow({"verify", store});
  EXPECT_EQ(edited.exit_code, 1);
  EXPECT_THAT(edited.output, HasSubstr("(tiny · random-6 · mmlu): acc is "));
}

TEST(Report, OnATerminalFitsItAndInAPipeIsMarkdown) {
  const SampleSweep sweep(R"([{"task": "gsm8k", "shots": 0, "limit": 2, "max_new_tokens": 4}, {"task": "footprint"}])");
  ASSERT_EQ(sweep.run().exit_code, 0);
  const std::string store = sweep.store().string(), command = test::winnow_program().string() + " report " + store;
  for (const std::size_t columns : {80u, 200u}) {
    const ProgramResult shown =
        test::run_program({"script", "-qec", fmt::format("stty cols {}; {}", columns, command), "/dev/null"}, {.environment = {{"COLUMNS", ""}}});
    ASSERT_EQ(shown.exit_code, 0) << shown.output;
    EXPECT_THAT(shown.output, HasSubstr("model: tiny\r\n"));
    EXPECT_THAT(shown.output, testing::Not(testing::AnyOf(HasSubstr("| "), HasSubstr("\\["))));
    for (std::size_t at = 0, end = 0; (end = shown.output.find("\r\n", at)) != std::string::npos; at = end + 2) {
      EXPECT_LE(display_width(shown.output.substr(at, end - at)), columns) << shown.output;
    }
  }
  EXPECT_THAT(test::run_winnow({"report", store}).output, testing::StartsWith("| model | variant |"));
  const ProgramResult text = test::run_winnow({"report", store, "--format", "text"}, {.environment = {{"COLUMNS", "60"}}});
  EXPECT_THAT(text.output, testing::StartsWith("model: tiny\n"));
}

TEST(Run, ADataSetInPlaceOfATaskIsToldApart) {
  const SampleSweep sweep(R"([{"task": "demo_gsm8k"}])");
  const ProgramResult run = sweep.run();
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.errors,
              HasSubstr("tasks[0].task: 'demo_gsm8k' is a data set; a task asks questions of it, such as {\"task\": \"…\", \"dataset\": \"demo_gsm8k\"}"));
}

TEST(Run, DataThatAreNotThereAreToBeFetched) {
  const SampleSweep sweep(R"([{"task": "gsm8k", "shots": 0, "limit": 2}])");
  const std::string data = (sweep.folder() / "data").string();
  std::filesystem::create_directory(data);
  const ProgramResult gsm8k = test::run_winnow({"validate", sweep.file().string(), "--data", data});
  EXPECT_EQ(gsm8k.exit_code, 3);
  EXPECT_EQ(gsm8k.errors, fmt::format("winnow: {0}/gsm8k/test.jsonl: is not there; `winnow fetch gsm8k --data {0}` brings the data set\n", data));
  sweep.write(R"([{"task": "gsm8k", "dataset": "demo_gsm8k", "shots": 0, "limit": 2}])");
  const ProgramResult demo = test::run_winnow({"validate", sweep.file().string(), "--data", data});
  EXPECT_EQ(demo.exit_code, 3);
  EXPECT_THAT(demo.errors, HasSubstr(fmt::format("is not there; `winnow demo generate --out {}` writes the embedded data sets\n", data)));
}

TEST(Report, WritesEveryFormat) {
  const SampleSweep sweep(R"([{"task": "gsm8k", "shots": 0, "limit": 2, "max_new_tokens": 4}])");
  ASSERT_EQ(sweep.run().exit_code, 0);
  const std::string store = sweep.store().string();
  for (const char* format : {"md", "csv", "json"}) {
    const ProgramResult shown = test::run_winnow({"report", store, "--format", format});
    EXPECT_EQ(shown.exit_code, 0) << shown.errors;
    const std::string file = (sweep.folder() / "table.").string() + format;
    EXPECT_EQ(test::run_winnow({"report", store, "--out", file}).exit_code, 0);
    EXPECT_EQ(test::read_text(file), shown.output);
    EXPECT_EQ(test::run_winnow({"report", store, "--format", format, "--out", store + ".other"}).exit_code, 0);
    EXPECT_EQ(test::read_text(store + ".other"), shown.output);
  }
  EXPECT_EQ(test::run_winnow({"report", store, "--format", "lm-eval"}).exit_code, 2);
  const std::filesystem::path folder = sweep.folder() / "lm-eval";
  EXPECT_EQ(test::run_winnow({"report", store, "--format", "lm-eval", "--out", folder.string()}).exit_code, 0);
  int samples = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) samples += entry.path().filename().string().starts_with("samples_gsm8k_");
  EXPECT_EQ(samples, 2);
}

TEST(Run, KeepsWhatATrialWasRunWith) {
  const SampleSweep sweep(R"([{"task": "gsm8k", "shots": 0, "limit": 2, "max_new_tokens": 4}])");
  ASSERT_EQ(sweep.run().exit_code, 0);
  Store store = Store::open_read_only(sweep.store());
  const std::vector<Trial> trials = store.latest();
  ASSERT_EQ(trials.size(), 2u);
  const Trial& trial = trials[1];
  EXPECT_EQ(trial.environment["threads"], 1);
  EXPECT_EQ(trial.environment["libtorch"], "2.11.0");
  for (const char* fact : {"winnow", "compiler", "machine", "seeds", "command_line", "token_budget"}) EXPECT_TRUE(trial.environment.contains(fact)) << fact;
  EXPECT_EQ(trial.environment["seeds"]["pruning"]["random-6"][0], 1);
  EXPECT_EQ(trial.cell.identity["task"]["data"][0]["edition"], "unverified");
  for (const char* phase : {"load", "plan", "prefill", "decode", "total"}) EXPECT_GT(trial.seconds.at(phase), 0) << phase;
  std::map<std::string, double> metrics;
  for (const Metric& metric : trial.metrics) metrics[metric.name] = metric.value;
  EXPECT_GT(metrics.at("tokens_asked"), 0);
  EXPECT_GE(metrics.at("tokens_asked"), metrics.at("tokens_forwarded"));
  EXPECT_GT(metrics.at("peak_bytes"), metrics.at("peak_anonymous_bytes"));
  EXPECT_GT(metrics.at("peak_file_bytes"), 0);
  EXPECT_GT(metrics.at("prefill_tokens_per_second"), 0);
  EXPECT_GT(metrics.at("decode_tokens_per_second"), 0);
  EXPECT_EQ(metrics.at("expert_sparsity"), 0.25);
}

TEST(Run, RefusesPathsThatCannotBeUsed) {
  const SampleSweep sweep(R"([{"task": "gsm8k", "shots": 0, "limit": 2, "max_new_tokens": 4}])");
  const ProgramResult run = sweep.run({}, {"--store", (sweep.folder() / "caf\xe9.sqlite").string()});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.errors, HasSubstr("caf\\xe9.sqlite: the path is not UTF-8"));
  const ProgramResult dry = sweep.run({}, {"--dry-run", "--store", std::string(300, 'x') + ".sqlite"});
  EXPECT_EQ(dry.exit_code, 3);
  EXPECT_THAT(dry.errors, HasSubstr("xx.sqlite: File name too long; name another file or folder"));
}

TEST(Run, DryRunListsTheCellsAndWritesNothing) {
  const SampleSweep sweep;
  const ProgramResult dry = sweep.run({}, {"--dry-run"});
  EXPECT_EQ(dry.exit_code, 0) << dry.errors;
  EXPECT_EQ(std::count(dry.output.begin(), dry.output.end(), '\n'), 12);  // a heading and its rule, eight cells, the grid, what is to do
  EXPECT_THAT(dry.output, testing::ContainsRegex("\nto do  tiny   random-6  perplexity +[0-9a-f]{12} +[0-9,]+ +"));
  EXPECT_THAT(dry.errors, HasSubstr("8 cells, 0 of them done; nothing was run"));
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(sweep.store()).replace_extension(".cache")));
  EXPECT_FALSE(std::filesystem::exists(sweep.store()));
}

TEST(Run, SetChangesTheSweepAndTheStoreMayBeNamed) {
  const SampleSweep sweep(R"([{"task": "gsm8k", "shots": 0, "limit": 2, "max_new_tokens": 4}])");
  const std::filesystem::path store = sweep.folder() / "other.sqlite";
  const ProgramResult run = sweep.run({}, {"--set", "tasks[0].limit=1", "--set", "variants.*.steps[0].seed=9", "--store", store.string(), "--quiet"});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.output, HasSubstr("n = 1"));
  EXPECT_EQ(run.errors, "winnow: 2 of 2 cells ran\n");
  EXPECT_TRUE(std::filesystem::exists(store));
  EXPECT_FALSE(std::filesystem::exists(sweep.store()));
}

TEST(Run, UnknownDataAreRefusedUnlessAskedFor) {
  const SampleSweep sweep;
  const std::string data = test::fixture("sample_data").string();
  const ProgramResult refused = test::run_winnow({"run", sweep.file().string(), "--data", data}, {.environment = sweep.environment()});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.errors, HasSubstr("is none that the data set gsm8k knows"));
  EXPECT_THAT(refused.errors, HasSubstr("--unverified-data"));
  const ProgramResult none = test::run_winnow({"run", sweep.file().string()}, {.environment = {{"WINNOW_DATA", ""}}});
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.errors, HasSubstr("give one with --data DIR or in WINNOW_DATA"));
  EXPECT_FALSE(std::filesystem::exists(sweep.store()));
}

class Stopped : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(Stopped, SavesSaysHowToGoOnAndResumes) {
  const SampleSweep undisturbed, sweep;
  ASSERT_EQ(undisturbed.run().exit_code, 0);
  const auto [signal, code] = GetParam();
  ProgramResult run;
  for (double after = 0.05;; after *= 1.12) {  // until it comes while cells are running, however fast the machine is
    run = sweep.run({.signal_after = after, .signal = signal});
    if (run.exit_code == code) break;
    ASSERT_LT(after, 60) << run.exit_code << run.errors;
    if (run.exit_code == 0) std::filesystem::remove(sweep.store());
  }
  EXPECT_THAT(run.errors, HasSubstr("winnow: stopped; everything answered so far is saved in " + sweep.store().string() + ". Go on with:\n"));
  EXPECT_THAT(run.errors, HasSubstr("winnow run " + sweep.file().string() + " --data "));
  EXPECT_EQ(run.output, "");
  EXPECT_EQ(sweep.run().exit_code, 0);
  EXPECT_EQ(sweep.table(), undisturbed.table());
  EXPECT_EQ(answers_in(sweep.store()), answers_in(undisturbed.store()));
}

INSTANTIATE_TEST_SUITE_P(Run, Stopped, testing::Values(std::pair(SIGINT, 130), std::pair(SIGTERM, 143), std::pair(SIGUSR1, 75), std::pair(SIGUSR2, 75)));

TEST(Run, KillsAtRandomMomentsEndInTheSameTables) {
  const SampleSweep undisturbed, sweep;
  const ProgramResult whole = undisturbed.run();
  ASSERT_EQ(whole.exit_code, 0);
  std::mt19937 random(20261122);
  int kills = 0;
  for (int round = 0; kills < 10; ++round) {
    ASSERT_LT(round, 60);
    const double moment = std::uniform_real_distribution(0.05, whole.seconds * 0.5)(random);
    const ProgramResult run = sweep.run({.signal_after = moment});
    kills += run.ended_by == SIGKILL;
    if (run.exit_code == 0)
      std::filesystem::remove(sweep.store());
    else
      ASSERT_EQ(run.ended_by, SIGKILL) << run.exit_code << run.errors;
  }
  const ProgramResult last = sweep.run();
  ASSERT_EQ(last.exit_code, 0) << last.errors;
  EXPECT_EQ(sweep.table(), undisturbed.table());
  EXPECT_EQ(answers_in(sweep.store()), answers_in(undisturbed.store()));
}

TEST(Run, AFailingCellIsARowTheOthersRunAndTheSameCommandTriesItAgain) {
  const SampleSweep sweep;
  sweep.write_file("answers.jsonl", R"({"kind": "generate", "context": "something else", "reply": "no"})"
                                    "\n");
  sweep.write_file("sweep.json",
                   R"({"name": "sample", "models": [{"name": "theirs", "recorded": "answers.jsonl"}], "variants": [{"label": "dense", "steps": []}],
    "tasks": [{"task": "gsm8k", "shots": 0, "limit": 1}, {"task": "perplexity", "window": 64, "bos": "none"}]})");
  const ProgramResult requests = test::run_winnow({"requests", sweep.file().string(), "--out", (sweep.folder() / "requests.jsonl").string(),
                                                   "--unverified-data", "--data", test::fixture("sample_data").string()});
  ASSERT_EQ(requests.exit_code, 0) << requests.errors;
  EXPECT_THAT(requests.errors, HasSubstr("1 requests written"));

  const ProgramResult failed = sweep.run();
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.errors, HasSubstr("theirs · dense · gsm8k: failed: "));
  EXPECT_THAT(failed.errors, HasSubstr("gsm8k document 0: "));
  EXPECT_THAT(failed.errors, HasSubstr("theirs · dense · perplexity: skipped: "));

  Json line = Json::parse(test::read_text(sweep.folder() / "requests.jsonl"));
  line["reply"] = "So it is \x1b]0;owned\x07\x1b[2J #### 12\n\nQuestion: another";
  sweep.write_file("answers.jsonl", line.dump() + "\n");
  const ProgramResult run = sweep.run();
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.output, HasSubstr("theirs"));
  EXPECT_EQ(run.output.find('\x1b'), std::string::npos);
}

TEST(Run, RandomWeightsAreSkippedByName) {
  const SampleSweep sweep;
  sweep.write_file("sweep.json", fmt::format(R"({{"name": "sample", "models": [{{"name": "shape", "config": "{}/config.json", "weights": "random"}}],
    "variants": [{{"label": "dense", "steps": []}}], "tasks": [{{"task": "gsm8k", "shots": 0, "limit": 1}}]}})",
                                             test::fixture("lm_eval/tiny_mixtral").string()));
  const ProgramResult run = sweep.run();
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.errors, HasSubstr("skipped: task gsm8k scores answers, and model 'shape' has random weights"));
}

TEST(Run, HostileNamesDoNoHarmOnTheTerminalOrInSql) {
  const SampleSweep sweep;
  const std::string path = test::fixture("lm_eval/tiny_mixtral").string();
  sweep.write_file(
      "sweep.json",
      fmt::format(R"({{"name": "sample", "models": [{{"name": "x'); DROP TABLE trials;-- \u001b[2J\u202e|`<script>", "path": "{}", "dtype": "f32"}}],
    "variants": [{{"label": "\u001b]52;c;cm0=\u0007\u009b31m\r\n::error::x", "steps": []}}], "tasks": [{{"task": "gsm8k", "shots": 0, "limit": 1, "max_new_tokens": 2}}]}})",
                  path));
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--dry-run"}, {}, {}}) {
    const ProgramResult run = sweep.run({}, more);
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    for (const std::string& text : {run.output, run.errors}) {
      EXPECT_TRUE(std::none_of(text.begin(), text.end(), [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7f; })) << text;
      EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
      EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
      EXPECT_EQ(text.find("\n::error"), std::string::npos);
    }
  }
  EXPECT_EQ(Store::open_read_only(sweep.store()).latest().size(), 1u);
}

}  // namespace
}  // namespace winnow
