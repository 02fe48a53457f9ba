#include <fcntl.h>

#include <algorithm>
#include <filesystem>

#include "harness/core/json.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow {
namespace {

using test::ProgramResult;
using test::run_winnow;
using testing::HasSubstr;
using testing::StartsWith;

const char* const kVerbs[] = {"run", "validate", "report", "list", "inspect", "trace", "tokenize", "requests", "import"};

std::string tiny() { return test::fixture("lm_eval/tiny_mixtral").string(); }

TEST(Program, EveryVerbHelpsWithAPurposeAndTwoExamplesFirst) {
  for (const char* verb : kVerbs) {
    const ProgramResult help = run_winnow({verb, "--help"});
    EXPECT_EQ(help.exit_code, 0) << verb;
    EXPECT_EQ(help.errors, "");
    const std::size_t examples = help.output.find("\nExamples:\n"), usage = help.output.find("Usage: winnow " + std::string(verb));
    ASSERT_NE(examples, std::string::npos) << help.output;
    ASSERT_NE(usage, std::string::npos) << help.output;
    EXPECT_LT(examples, usage);
    const std::string shown = help.output.substr(examples, usage - examples);
    std::size_t count = 0;
    for (std::size_t at = 0; (at = shown.find("winnow " + std::string(verb), at)) != std::string::npos; ++at) ++count;
    EXPECT_GE(count, 2u) << shown;
  }
}

TEST(Program, ListsItsCommandsALineEach) {
  const std::string help = run_winnow({"--help"}).output;
  EXPECT_THAT(help, HasSubstr("\n  report      Makes the leaderboard of one or more stores\n"));
  EXPECT_THAT(help, HasSubstr("\n  gate        Judges results by rules\n"));
  EXPECT_LT(std::count(help.begin(), help.end(), '\n'), 40);
}

TEST(Program, SaysItsVersion) {
  const ProgramResult version = run_winnow({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.output, testing::ContainsRegex("^winnow [0-9.]+\ncommit ([0-9a-f]{40}( with changes)?|unknown)\nlibtorch 2\\.[0-9]+.*\ndevices cpu"));
}

struct BadLine {
  std::vector<std::string> arguments;
  std::string sentence;
};

TEST(Program, ACommandLineThatIsWrongEndsWithTwoAndASentence) {
  const std::vector<BadLine> lines = {
      {{}, "winnow: A subcommand is required; see winnow --help"},
      {{"rnu"}, "winnow: there is no command 'rnu' (did you mean 'run'?); there are: "},
      {{"\x1b[2J"}, "winnow: there is no command '\\x1b[2J'"},
      {{"--colour"}, "winnow: "},
      {{"run"}, "winnow: SWEEP.json is required; see winnow run --help"},
      {{"run", "a.json", "b.json"}, "winnow: "},
      {{"run", "a.json", "--stoer", "x"}, "winnow: "},
      {{"run", "a.json", "--stroe=x"}, "winnow: The following argument was not expected: --stroe=x (did you mean '--store'?); see winnow run --help"},
      {{"compare", "a", "b", "c", "--seed", "-1"}, "winnow: --seed"},
      {{"list", "planets"}, "winnow: KIND"},
      {{"trace", "m"}, "winnow: --"},
      {{"trace", "m", "--tokens", "t", "--out", "o", "--dtype", "f64"}, "winnow: --dtype"},
      {{"trace", "m", "--tokens", "t", "--out", "o", "--generate", "-1"}, "winnow: --generate"},
      {{"plan", "m", "--with", "v", "--out", "o", "--device", "tpu"}, "winnow: --device: 'tpu' is no device; expected cpu, cuda or cuda:N"},
      {{"report", "x", "--format", "pdf"}, "winnow: --format"},
      {{"report"}, "winnow: STORE"},
  };
  for (const BadLine& line : lines) {
    const ProgramResult run = run_winnow(line.arguments);
    EXPECT_EQ(run.exit_code, 2) << line.sentence;
    EXPECT_THAT(run.errors, StartsWith(line.sentence));
    EXPECT_EQ(std::count(run.errors.begin(), run.errors.end(), '\n'), 1) << run.errors;
    EXPECT_EQ(run.output, "");
  }
}

TEST(Program, AWrongOverrideIsAFaultOfTheCommandLine) {
  const ProgramResult run = run_winnow({"validate", (test::source_folder() / "harness/sweeps/quickstart.json").string(), "--set", "tasks[9].limit=1"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.errors, "winnow: --set tasks[9].limit=1: nothing in the sweep file has that path\n");
}

TEST(List, ShowsEveryKindAsTextAndJson) {
  for (const char* kind : {"pruners", "tasks", "datasets", "families"}) {
    EXPECT_EQ(run_winnow({"list", kind}).exit_code, 0);
    const ProgramResult json = run_winnow({"list", kind, "--json"});
    EXPECT_EQ(json.exit_code, 0);
    const Json list = parse_json(json.output, "list");
    EXPECT_FALSE(list.empty());
    for (const Json& entry : list) EXPECT_TRUE(entry.contains("name") && entry.contains("version") && entry.contains("summary") && entry.contains("settings"));
  }
  const ProgramResult tasks = run_winnow({"list", "tasks"});
  EXPECT_THAT(tasks.output, HasSubstr("gsm8k (version "));
  EXPECT_THAT(tasks.output, HasSubstr("  shots "));
}

TEST(Output, AFullDiskIsReportedAndAClosedPipeIsNot) {
  const ProgramResult full = test::run_program({"bash", "-c", test::winnow_program().string() + " list tasks --json > /dev/full"});
  EXPECT_EQ(full.exit_code, 3);
  EXPECT_EQ(full.errors, "winnow: standard output cannot be written: No space left on device\n");
  const ProgramResult piped = test::run_program({"bash", "-c", "set -o pipefail; " + test::winnow_program().string() + " list tasks --json | true"});
  EXPECT_EQ(piped.exit_code, 0);
  EXPECT_EQ(piped.errors, "");
}

TEST(Tokenize, TurnsTextsIntoIdsAndBack) {
  const ProgramResult ids = run_winnow({"tokenize", tiny()}, {.input = R"(["Hello there", ""])"});
  EXPECT_EQ(ids.exit_code, 0) << ids.errors;
  EXPECT_EQ(ids.output, "[[1,22557,736],[1]]\n");
  EXPECT_EQ(run_winnow({"tokenize", tiny(), "--no-special"}, {.input = R"(["Hello there"])"}).output, "[[22557,736]]\n");
  EXPECT_EQ(run_winnow({"tokenize", tiny(), "--decode", "--no-special"}, {.input = "[[1,22557,736]]"}).output, "[\"Hello there\"]\n");
  EXPECT_THAT(run_winnow({"tokenize", tiny(), "--decode"}, {.input = "[[1,22557,736]]"}).output, StartsWith("[\"<s>"));
}

TEST(Tokenize, RefusesWhatIsNoListOfTextsOrIds) {
  for (const char* input : {"{}", "[1]", "[\"a\"", "\"a\"", "[[\"a\"]]"}) {
    const ProgramResult run = run_winnow({"tokenize", tiny()}, {.input = input});
    EXPECT_EQ(run.exit_code, 3) << input;
    EXPECT_THAT(run.errors, StartsWith("winnow: standard input"));
  }
  for (const char* input : {"[[32000]]", "[[-1]]", "[[1.5]]", "[1]", "[\"a\"]", "[[18446744073709551616]]"}) {
    EXPECT_EQ(run_winnow({"tokenize", tiny(), "--decode"}, {.input = input}).exit_code, 3) << input;
  }
}

TEST(Inspect, DescribesAFolderAndAConfig) {
  const ProgramResult text = run_winnow({"inspect", tiny()});
  EXPECT_EQ(text.exit_code, 0) << text.errors;
  EXPECT_THAT(text.output, HasSubstr("family             mixtral (model_type mixtral)"));
  EXPECT_THAT(text.output, HasSubstr("experts            8 in each of 2 layers"));
  const Json json = parse_json(run_winnow({"inspect", tiny(), "--json"}).output, "inspect");
  EXPECT_TRUE(json.is_object());
  EXPECT_EQ(run_winnow({"inspect", tiny() + "/config.json"}).exit_code, 0);
}

TEST(Inspect, RefusesWhatIsNoModel) {
  const test::TemporaryFolder folder;
  folder.write("config.json", "{}");
  EXPECT_EQ(run_winnow({"inspect", folder.path().string()}).exit_code, 3);
  const ProgramResult missing = run_winnow({"inspect", "nobody/nothing"}, {.environment = {{"HF_HUB_CACHE", folder.path().string()}}});
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_THAT(missing.errors, HasSubstr("hf download nobody/nothing"));
}

TEST(Trace, WritesAFileWholeOrNotAtAll) {
  const test::TemporaryFolder folder;
  const std::string ids = folder.write("ids.json", "[[1, 2, 3], [4, 5]]").string(), out = (folder / "out.safetensors").string();
  const ProgramResult run = run_winnow({"trace", tiny(), "--tokens", ids, "--out", out, "--generate", "2"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  const std::string bytes = test::read_text(out);
  for (const char* name : {"prompt.0.logits", "prompt.1.router.1.experts", "prompt.1.generated", "prompt.0.hidden.0"})
    EXPECT_THAT(bytes.substr(0, 20000), HasSubstr(name));
  const std::string bad = folder.write("bad.json", "[[1, 99999]]").string(), never = (folder / "never.safetensors").string();
  EXPECT_EQ(run_winnow({"trace", tiny(), "--tokens", bad, "--out", never}).exit_code, 3);
  EXPECT_FALSE(std::filesystem::exists(never));
}

}  // namespace
}  // namespace winnow
