#include <algorithm>
#include <filesystem>

#include "tests/support/errors.h"
#include "tests/support/sample_sweep.h"

namespace winnow {
namespace {

using test::ProgramResult;
using test::SampleSweep;

struct BadFile {
  std::string text;
  std::string fault;  // a part of the sentence
};

// Exit code 3, one sentence naming the file, and nothing but the inputs in the folder afterwards.
void expect_refused(const SampleSweep& sweep, const std::string& file, const BadFile& bad) {
  const ProgramResult run = sweep.run();
  EXPECT_EQ(run.exit_code, 3) << bad.text << run.errors;
  EXPECT_THAT(run.errors, testing::HasSubstr((sweep.folder() / file).string() + (bad.fault.empty() ? "" : ":"))) << bad.text;
  EXPECT_THAT(run.errors, testing::HasSubstr(bad.fault)) << bad.text;
  EXPECT_EQ(std::count(run.errors.begin(), run.errors.end(), '\n'), 1) << run.errors;
  EXPECT_EQ(run.output, "");
  for (const auto& entry : std::filesystem::directory_iterator(sweep.folder().path())) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(name == "sweep.json" || name == "answers.jsonl" || name == "cache") << name;
  }
}

TEST(Malformed, RecordedOutputs) {
  const std::string good = R"({"kind": "generate", "context": "a", "reply": "b"})"
                           "\n";
  const std::string sha(64, '0');
  const std::vector<BadFile> files = {
      {"", ""},
      {"\n\n", ""},
      {good + "{", ":2"},
      {good + "[]\n", ":2: "},
      {good + "null\n", ":2: "},
      {good + good.substr(0, good.size() - 2) + "\n", ":2"},
      {"\xEF\xBB\xBF" + good, ":1"},
      {"{\"kind\": \"generate\", \"context\": \"\xff\", \"reply\": \"b\"}\n", ":1"},
      {R"({"context": "a", "reply": "b"})", ":1: \"kind\" is missing"},
      {R"({"kind": "guess", "context": "a", "reply": "b"})", "expected generate, score or rolling"},
      {R"({"kind": 1, "context": "a", "reply": "b"})", ":1: \"kind\""},
      {R"({"kind": "generate", "reply": "b"})", "neither \"context\" nor \"context_sha256\""},
      {R"({"kind": "generate", "context": "a"})", "\"reply\" is missing"},
      {R"({"kind": "generate", "context": "a", "reply": null})", "\"reply\""},
      {R"({"kind": "generate", "context": 5, "reply": "b"})", "\"context\""},
      {R"({"kind": "generate", "context_sha256": "abc", "reply": "b"})", "64 hexadecimal digits"},
      {R"({"kind": "generate", "context": "a", "context_sha256": ")" + sha + R"(", "reply": "b"})", "is not the sha256"},
      {R"({"kind": "score", "context": "a", "log_likelihood": -1, "is_greedy": true})", "\"continuation\" is missing"},
      {R"({"kind": "score", "context": "a", "continuation": "b", "is_greedy": true})", "\"log_likelihood\" is missing"},
      {R"({"kind": "score", "context": "a", "continuation": "b", "log_likelihood": -1})", "\"is_greedy\" is missing"},
      {R"({"kind": "score", "context": "a", "continuation": "b", "log_likelihood": "-1", "is_greedy": true})", "expected a number"},
      {R"({"kind": "score", "context": "a", "continuation": "b", "log_likelihood": 0.5, "is_greedy": true})", "at most 0"},
      {R"({"kind": "score", "context": "a", "continuation": "b", "log_likelihood": NaN, "is_greedy": true})", ":1"},
      {R"({"kind": "score", "context": "a", "continuation": "b", "log_likelihood": -1e999, "is_greedy": true})", ":1"},
      {R"({"kind": "score", "context": "a", "continuation": "b", "log_likelihood": -1, "is_greedy": 1})", "true or false"},
      {R"({"kind": "rolling", "log_likelihood": -1})", "neither \"text\" nor \"text_sha256\""},
      {R"({"kind": "rolling", "text": "a"})", "\"log_likelihood\" is missing"},
      {R"({"kind": "generate", "kind": "score", "context": "a", "reply": "b"})", ":1"},
      {good + R"({"kind": "generate", "context": "a", "reply": "c"})", ":2: this request was answered otherwise in line 1"},
      {good + std::string(100000, '['), ":2"},
  };
  const SampleSweep sweep;
  sweep.write_file("sweep.json",
                   R"({"name": "sample", "models": [{"name": "theirs", "recorded": "answers.jsonl"}], "variants": [{"label": "dense", "steps": []}],
    "tasks": [{"task": "gsm8k", "shots": 0, "limit": 1}]})");
  for (const BadFile& bad : files) {
    sweep.write_file("answers.jsonl", bad.text);
    expect_refused(sweep, "answers.jsonl", bad);
  }
  std::filesystem::remove(sweep.folder() / "answers.jsonl");
  expect_refused(sweep, "answers.jsonl", {"(no file)", ""});
}

TEST(Malformed, SweepFiles) {
  const std::string model = R"([{"name": "m", "path": ")" + test::fixture("lm_eval/tiny_mixtral").string() + R"("}])";
  const auto with = [&](const std::string& models, const std::string& steps, const std::string& tasks) {
    return R"({"name": "sample", "models": )" + models + R"(, "variants": [{"label": "v", "steps": )" + steps + R"(}], "tasks": )" + tasks + "}";
  };
  const std::string task = R"([{"task": "gsm8k", "limit": 1, "shots": 0}])";
  const std::vector<BadFile> files = {
      {"", ""},
      {"{\"name\": \"sample\",}", ":1:"},
      {std::string(1 << 20, '['), ":1:"},
      {"{\"name\": \"sample\"", ":1:"},
      {with(model, "[]", R"([{"task": "gms8k"}])"), "did you mean 'gsm8k'?"},
      {with(model, "[]", R"([{"task": "gsm8k", "shot": 5}])"), "did you mean 'shots'?"},
      {with(model, "[]", R"([{"task": "gsm8k", "shots": -1}])"), "tasks[0].shots"},
      {with(model, "[]", R"([{"task": "gsm8k", "limit": "all"}])"), "tasks[0].limit"},
      {with(model, "[]", R"([{"task": "mmlu", "subjects": ["astronomi"]}])"), "astronomy"},
      {with(model, "[]", R"([{"task": "perplexity", "window": 1e9}])"), "tasks[0].window"},
      {with(model, "[]", R"([{"task": "perplexity", "window": 64, "bos": "twice"}])"), "tasks[0].bos"},
      {with(model, R"([{"pruner": "rendom"}])", task), "did you mean 'random'?"},
      {with(model, R"([{"pruner": "random"}])", task), "variants[0].steps[0]"},
      {with(model, R"([{"pruner": "random", "experts_kept": "six"}])", task), "variants[0].steps[0].experts_kept"},
      {with(model, R"([{"pruner": "random", "experts_kept": 6, "sed": 1}])", task), "did you mean 'seed'?"},
  };
  const SampleSweep sweep;
  for (const BadFile& bad : files) {
    sweep.write_file("sweep.json", bad.text);
    expect_refused(sweep, "sweep.json", bad);
  }
}

TEST(Malformed, WhatASweepNamesIsLookedAtBeforeAnythingIsRun) {
  const SampleSweep sweep;
  const std::string dense = R"("variants": [{"label": "v", "steps": []}], )", task = R"("tasks": [{"task": "gsm8k", "limit": 1, "shots": 0}]})";
  const std::string good = test::fixture("lm_eval/tiny_mixtral").string();
  const std::vector<BadFile> files = {
      {R"({"name": "sample", "models": [{"name": "good", "path": ")" + good + R"("}, {"name": "gone", "path": "nowhere"}], )" + dense + task, "model 'gone': "},
      {R"({"name": "sample", "models": [{"name": "hub", "path": "nobody/nothing"}], )" + dense + task, "hf download nobody/nothing"},
      {R"({"name": "sample", "models": [{"name": "good", "path": ")" + good +
           R"("}], "variants": [{"label": "few", "steps": [{"pruner": "random", "experts_kept": 1}]}], )" + task,
       "model 'good', variant 'few': "},
      {R"({"name": "sample", "models": [{"name": "a", "path": ")" + good + R"("}, {"name": "b", "path": ")" + good + R"("}], )" + dense + task,
       "models 'a' and 'b' hold the same"},
      {R"({"name": "sample", "models": [{"name": "shape", "config": "none.json", "weights": "random"}], )" + dense + task, "model 'shape': "},
  };
  for (const BadFile& bad : files) {
    sweep.write_file("sweep.json", bad.text);
    const ProgramResult run = sweep.run();
    EXPECT_EQ(run.exit_code, 3) << run.errors;
    EXPECT_THAT(run.errors, testing::HasSubstr(bad.fault));
    EXPECT_EQ(std::count(run.errors.begin(), run.errors.end(), '\n'), 1) << run.errors;
    EXPECT_FALSE(std::filesystem::exists(sweep.store()));
  }
}

}  // namespace
}  // namespace winnow
