#include "harness/sweep/sweep_file.h"

#include "harness/sweep/known_tasks.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/sweep_fakes.h"

namespace winnow {
namespace {

using test::letters_sweep;

Sweep parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_sweep(text, "s.json", "/sweeps", test::fake_pruners(), overrides);
}

TEST(SweepFile, ReadsEverythingADocumentedFileHolds) {
  const Sweep sweep = parse(R"({
    // a comment
    "$schema": "x", "name": "first-look",
    "models":   [{"name": "tiny", "path": "models/tiny/.", "dtype": "f32"}, {"name": "hub", "path": "org/name@main", "experts": "bitmap"}, {"name": "theirs", "recorded": "answers.jsonl"},
                 {"name": "shape", "config": "/c/config.json", "weights": "random", "seed": 3}, {"name": "folder", "path": "c", "weights": "random", "experts": "streamed"}],
    "variants": [{"label": "dense", "steps": []}, {"label": "half", "steps": [{"pruner": "halve", "seed": 5}]}],
    "tasks":    [{"task": "letters"}, {"task": "letters", "limit": 3}], /* and */
    "device": "cuda:1", "threads": 2, "token_budget": 4096})");
  EXPECT_EQ(sweep.name, "first-look");
  EXPECT_EQ(sweep.models[0].path, "/sweeps/models/tiny/");
  EXPECT_EQ(sweep.models[0].dtype, "f32");
  EXPECT_EQ(sweep.models[1].path, "org/name@main");
  EXPECT_EQ(sweep.models[1].dtype, "bf16");
  EXPECT_EQ(sweep.models[2].recorded, "/sweeps/answers.jsonl");
  EXPECT_EQ(sweep.models[3].config, "/c/config.json");
  EXPECT_EQ(sweep.models[3].seed, 3u);
  EXPECT_EQ(sweep.models[0].experts, "dense");
  EXPECT_EQ(sweep.models[1].experts, "bitmap");
  EXPECT_EQ(sweep.models[4].experts, "streamed");
  EXPECT_EQ(sweep.models[4].config, "/sweeps/c/config.json");
  EXPECT_EQ(sweep.models[4].path, "");
  EXPECT_EQ(sweep.variants[1].steps[0].version, 2);
  EXPECT_EQ(sweep.variants[1].steps[0].settings, (Json{{"seed", 5}}));
  EXPECT_EQ(sweep.tasks[0].settings, (Json{{"limit", 10}}));
  EXPECT_EQ(sweep.device, "cuda:1");
  EXPECT_EQ(device_kind(sweep.device), "cuda");
  EXPECT_EQ(sweep.threads, 2);
  EXPECT_EQ(sweep.token_budget, 4096);
}

TEST(SweepFile, AFolderBesideTheFileComesBeforeAHubName) {
  const test::TemporaryFolder folder;
  folder.write("org/name/config.json", "{}");
  const std::filesystem::path file = folder.write("sweep.json", letters_sweep(R"([{"task": "letters"}])", R"([{"name": "m", "path": "org/name"}])"));
  EXPECT_EQ(read_sweep(file, test::fake_pruners()).models[0].path, (folder / "org/name").string());
}

TEST(SweepFile, TellsLineColumnPathAndTheNearestName) {
  EXPECT_ERROR(parse("{\"name\": \"x\",\n  \"modles\": []}"), kInput,
               "s.json:2:3: modles: the sweep does not know 'modles' (did you mean 'models'?); it knows: models, variants, tasks, grid, include, exclude, "
               "limits, $schema, name, device, threads, token_budget");
  EXPECT_ERROR(
      parse(letters_sweep(R"([{"task": "lettres"}])")), kInput,
      "s.json:4:21: tasks[0].task: there is no task 'lettres' (did you mean 'letters'?); there are: " + fmt::format("{}", fmt::join(task_names(), ", ")));
  EXPECT_ERROR_THAT(parse(letters_sweep(R"([{"task": "letters", "limti": 3}])")), kInput,
                    testing::AllOf(testing::StartsWith("s.json:4:32: tasks[0].limti: "), testing::HasSubstr("did you mean 'limit'?")));
  EXPECT_ERROR_HAS(parse(letters_sweep(R"([{"task": "letters", "limit": 0}])")), kInput, "s.json:4:41: tasks[0].limit: ");
  EXPECT_ERROR_THAT(parse(letters_sweep(R"([{"task": "letters", "until": {"difference": 0.1, "confidense": 0.9}}])")), kInput,
                    testing::AllOf(testing::StartsWith("s.json:4:61: tasks[0].until.confidense: "), testing::HasSubstr("did you mean 'confidence'?")));
  EXPECT_ERROR_HAS(parse(letters_sweep(R"([{"task": "letters", "limit": 13}])")), kInput, "s.json:4:12: tasks[0]: 13 letters are too unlucky");
  EXPECT_ERROR_HAS(
      parse(letters_sweep(R"([{"task": "letters"}])", R"([{"name": "a", "path": "b"}])", R"([{"label": "h", "steps": [{"pruner": "halve", "seed": 13}]}])")),
      kInput, "s.json:3:40: variants[0].steps[0]: 13 halves are too unlucky");
}

TEST(SweepFile, BlamesAnOverrideForItsOwnFault) {
  EXPECT_ERROR_THAT(parse(letters_sweep(), {"tasks[0].limit=no"}), kUsage, testing::StartsWith("--set tasks[0].limit=no: tasks[0].limit: "));
  EXPECT_ERROR_THAT(parse(letters_sweep(), {"models[0]={\"name\":\"x\"}"}), kUsage, testing::HasSubstr("models[0]: a model has exactly one of"));
  EXPECT_EQ(parse(letters_sweep(), {"tasks.*.limit=4", "threads=3"}).tasks[0].settings["limit"], 4);
}

struct BadSweep {
  std::string text, fault;
};

std::vector<BadSweep> bad_sweeps() {
  const std::string task = R"([{"task": "letters"}])", model = R"([{"name": "m", "path": "m"}])", dense = R"([{"label": "dense", "steps": []}])";
  const auto models = [&](const std::string& list) { return letters_sweep(task, list, dense); };
  const auto variants = [&](const std::string& list) { return letters_sweep(task, model, list); };
  const auto tasks = [&](const std::string& list) { return letters_sweep(list, model, dense); };
  const auto beside = [&](const std::string& pair) { return "{" + pair + "," + letters_sweep(task, model, dense).substr(1); };
  const auto named = [&](const std::string& name) {
    return "{\"name\": " + name + letters_sweep(task, model, dense).substr(std::string(R"({"name": "test")").size());
  };
  return {
      {"", "s.json"},
      {"{", "s.json:1"},
      {"[]", "expected an object, found a list"},
      {"null", "expected an object, found null"},
      {"{}", "name"},
      {letters_sweep() + "x", "s.json:4"},
      {"\xEF\xBB\xBF" + letters_sweep(), "s.json"},
      {letters_sweep().substr(0, 60), "s.json:2:"},
      {beside(R"("name": "again")"), "s.json"},
      {beside(R"("threads": NaN)"), "s.json:1"},
      {named("1"), "1:10: name: "},
      {named("\"\""), "found an empty string"},
      {named("\"../up\""), "may not hold '/'"},
      {named("\".hidden\""), "begin with a dot"},
      {named("\"a\\u001b[2J\""), "control characters"},
      {named("\"" + std::string(201, 'x') + "\""), "201 bytes"},
      {beside(R"("threads": 0)"), "1:13: threads: "},
      {beside(R"("threads": "two")"), "threads: "},
      {beside(R"("threads": 1.5)"), "threads: "},
      {beside(R"("token_budget": -1)"), "token_budget: "},
      {beside(R"("token_budget": 99999999999999999999999)"), "s.json:1"},
      {beside(R"("device": "tpu")"), "'tpu' is no device; expected cpu, cuda or cuda:N"},
      {beside(R"("device": "cuda:")"), "is no device"},
      {beside(R"("device": "cuda:x")"), "is no device"},
      {beside(R"("extra": 1)"), "1:2: extra: the sweep does not know 'extra'"},
      {"{\"name\": \"x\", \"variants\": " + dense + ", \"tasks\": " + task + "}", "\"models\" is missing"},
      {"{\"name\": \"x\", \"models\": " + model + ", \"tasks\": " + task + "}", "\"variants\" is missing"},
      {"{\"name\": \"x\", \"models\": " + model + ", \"variants\": " + dense + "}", "\"tasks\" is missing"},
      {models("[]"), "models: the list is empty"},
      {models("{}"), "models: expected a list of objects, found an object"},
      {models("[1]"), "models[0]: expected an object, found a number"},
      {models(R"([{"path": "m"}])"), "name"},
      {models(R"([{"name": "m"}])"), "this one has 0"},
      {models(R"([{"name": "m", "path": "m", "recorded": "r"}])"), "this one has 2"},
      {models(R"([{"name": "m", "path": ""}])"), "models[0].path: expected a file or folder"},
      {models(R"([{"name": "m", "path": "a\u0000b"}])"), "NUL"},
      {models(R"([{"name": "m", "path": "m", "dtype": "f64"}])"), "models[0].dtype"},
      {models(R"([{"name": "m", "path": "m", "seed": 1}])"), "models[0].seed: only a model with"},
      {models(R"([{"name": "m", "config": "c"}])"), "a config alone has no weights"},
      {models(R"([{"name": "m", "config": "c", "weights": "zero"}])"), "models[0].weights"},
      {models(R"([{"name": "m", "recorded": "r", "weights": "random"}])"), "recorded outputs have no weights"},
      {models(R"([{"name": "m", "recorded": "r", "dtype": "f32"}])"), "recorded outputs have no dtype"},
      {models(R"([{"name": "m", "path": "m", "experts": "bitmap"}])"), "models[0].experts: the CPU runs experts dense; set \"device\": \"cuda\""},
      {models(R"([{"name": "m", "path": "m", "experts": "streamed"}])"), "models[0].experts: the CPU runs experts dense; set \"device\": \"cuda\""},
      {models(R"([{"name": "m", "path": "m", "experts": "sparse"}])"), "models[0].experts"},
      {models(R"([{"name": "m", "recorded": "r", "experts": "dense"}])"), "models[0].experts: only a model that runs here has experts in memory"},
      {models(R"([{"name": "m", "path": "m"}, {"name": "m", "path": "n"}])"), "2:50: models[1].name: 'm' is already the name of models[0]"},
      {variants("[]"), "variants: the list is empty"},
      {variants(R"([{"steps": []}])"), "label"},
      {variants(R"([{"label": "dense"}])"), "the unpruned model is written \"steps\": []"},
      {variants(R"([{"label": "dense", "steps": {}}])"), "expected a list of steps"},
      {variants(R"([{"label": "d", "steps": []}, {"label": "d", "steps": [{"pruner": "halve"}]}])"), "'d' is already the name of variants[0]"},
      {variants(R"([{"label": "d", "steps": []}, {"label": "e", "steps": []}])"), "the same steps as variants[0] 'd'"},
      {variants(R"([{"label": "h", "steps": [{"pruner": "halve"}]}, {"label": "i", "steps": [{"pruner": "halve", "seed": 1}]}])"),
       "the same steps as variants[0] 'h'"},
      {variants(R"([{"label": "d", "steps": ["halve"]}])"), "variants[0].steps[0]: expected an object such as {\"pruner\": …}, found a string"},
      {variants(R"([{"label": "d", "steps": [{}]}])"), "\"pruner\" is missing; there are: halve"},
      {variants(R"([{"label": "d", "steps": [{"pruner": 1}]}])"), "expected the name of a pruner, found a number"},
      {variants(R"([{"label": "d", "steps": [{"pruner": "halv"}]}])"), "there is no pruner 'halv' (did you mean 'halve'?)"},
      {variants(R"([{"label": "d", "steps": [{"pruner": "halve", "ratio": 0.5}]}])"), "variants[0].steps[0].ratio"},
      {variants(R"([{"label": "d", "steps": [{"pruner": "halve", "seed": "one"}]}])"), "variants[0].steps[0].seed"},
      {variants(R"([{"label": "d", "steps": [], "colour": 1}])"), "a variant does not know 'colour'"},
      {letters_sweep(task, R"([{"name": "m", "recorded": "r"}])", R"([{"label": "h", "steps": [{"pruner": "halve"}]}])"),
       "recorded outputs meet only a variant without steps"},
      {tasks("[]"), "tasks: the list is empty"},
      {tasks("[[]]"), "tasks[0]: expected an object"},
      {tasks(R"([{"limit": 1}])"), "\"task\" is missing"},
      {tasks(R"([{"task": true}])"), "expected the name of a task, found true or false"},
      {tasks(R"([{"task": "letters"}, {"task": "letters"}])"), "tasks[1]: the same task with the same settings as tasks[0]"},
      {tasks(R"([{"task": "letters"}, {"task": "letters", "limit": 10}])"), "the same task with the same settings as tasks[0]"},
      {tasks(R"([{"task": "letters", "limit": null}])"), "tasks[0].limit"},
      {tasks(R"([{"task": "letters", "word": "a", "word": "b"}])"), "s.json:4"},
  };
}

TEST(SweepFile, RefusesEveryMalformedFileWithItsPlace) {
  for (const BadSweep& bad : bad_sweeps()) {
    EXPECT_ERROR_THAT(parse(bad.text), kInput, testing::AllOf(testing::StartsWith("s.json"), testing::HasSubstr(bad.fault))) << bad.text;
  }
  EXPECT_GE(bad_sweeps().size(), 60u);
}

TEST(SweepFile, RefusesDeepNestingAndManyItems) {
  EXPECT_ERROR_HAS(parse(std::string(100000, '[')), kInput, "s.json");
  std::string many = "[";
  for (int i = 0; i < 10001; ++i) many += fmt::format("{}{{\"task\": \"letters\", \"limit\": {}}}", i ? "," : "", i + 14);
  EXPECT_ERROR_HAS(parse(letters_sweep(many + "]")), kInput, "the list has 10001 items; at most 10000 are read");
}

}  // namespace
}  // namespace winnow
