#include "harness/sweep/sweep_schema.h"

#include <gtest/gtest.h>

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "harness/api/pruner.h"
#include "harness/app/sweep_options.h"
#include "harness/sweep/known_tasks.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

class SweepSchema : public testing::Test {
 protected:
  SweepSchema() {
    const Json schema = Json::parse(sweep_schema(pruner_declarations()).dump());
    valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), schema_);
  }

  bool takes(const std::string& text) {
    const Json file = parse_json(text, "sweep", JsonComments::kAllowed);
    return valijson::Validator(valijson::Validator::kStrongTypes).validate(schema_, valijson::adapters::NlohmannJsonAdapter(file), nullptr);
  }

  valijson::Schema schema_;
};

std::string sweep_with(const std::string& model, const std::string& variant, const std::string& task, const std::string& more = "") {
  return fmt::format(R"({{"name": "s", "models": [{}], "variants": [{}], "tasks": [{}]{}}})", model, variant, task, more);
}
constexpr const char* kModel = R"({"name": "m", "path": "p"})";
constexpr const char* kServed = R"({"name": "m", "endpoint": "http://127.0.0.1:8000/v1", "model": "x", "tokenizer": "t", "concurrency": 4})";
constexpr const char* kDense = R"({"label": "dense", "steps": []})";
constexpr const char* kTask = R"({"task": "gsm8k"})";

TEST_F(SweepSchema, TakesEverySweepFileOfTheRepository) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(test::source_folder() / "harness/sweeps")) {
    if (entry.path().extension() != ".json") continue;
    const std::string text = test::read_text(entry.path());
    if (text.find("\"models\"") == std::string::npos) continue;  // rules of a gate lie there too
    EXPECT_TRUE(takes(text)) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 2);
}

TEST_F(SweepSchema, TakesWhatTheReaderTakesAndRefusesWhatItRefuses) {
  const std::string calibrated = R"({"label": "w", "steps": [{"pruner": "wanda", "sparsity": 0.5}], "calibration": {"dataset": "c4", "sequences": 8}})";
  const std::vector<std::pair<std::string, bool>> cases = {
      {sweep_with(kModel, kDense, kTask), true},
      {sweep_with(kModel, kDense, kTask, R"(, "threads": 2, "token_budget": 4096)"), true},
      {sweep_with(kModel, calibrated, kTask), true},
      {sweep_with(R"({"name": "m", "config": "c.json", "weights": "random", "seed": 1})", kDense, kTask), true},
      {sweep_with(kModel, kDense, R"({"task": "mmlu", "subjects": ["anatomy"], "shots": 2})"), true},
      {sweep_with(
           kModel, kDense, kTask,
           R"(, "grid": {"tasks[0].shots": [0, 5], "models.*.dtype": ["f32"]}, "include": [{"tasks.*.shots": 3}], "exclude": [{"task": "gsm8k*", "tasks[0].shots": 5}])"),
       true},
      {sweep_with(kModel, kDense, kTask, R"(, "limits": {"seconds": 60, "tokens": 1000, "memory_bytes": 1000000000, "silence_seconds": 5})"), true},
      {sweep_with(kModel, kDense, kTask, R"(, "grid": {"tasks[0].shots": 5})"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "grid": {"tasks[0].shots": []})"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "exclude": [{"model": 5}])"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "include": [{}])"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "limits": {"second": 60})"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "limits": {"memory_bytes": 1000})"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "grid": {"bogus": [1]})"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "grid": {"tasks[0].shots": [1, 2]}, "include": [{"bogus": 1}])"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "exclude": [{"vriant": "dense"}])"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "device": "cuda:1", "$schema": "sweep.schema.json")"), true},
      {sweep_with(kModel, kDense, kTask, R"(, "device": "tpu")"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "$schema": 3)"), false},
      {sweep_with(R"({"name": "", "path": "p"})", kDense, kTask), false},
      {sweep_with(kServed, kDense, kTask), true},
      {sweep_with(R"({"name": "m", "endpoint": "http://127.0.0.1:8000/v1", "model": "x"})", kDense, kTask), false},
      {sweep_with(R"({"name": "m", "path": "p", "concurrency": 4})", kDense, kTask), false},
      {sweep_with(R"({"name": "m", "path": "p", "seed": 4})", kDense, kTask), false},
      {sweep_with(R"({"name": "m", "config": "c.json"})", kDense, kTask), false},
      {sweep_with(kModel, R"({"label": "", "steps": []})", kTask), false},
      {sweep_with(kModel, R"({"label": "r", "seeds": [1, 2], "steps": [{"pruner": "random", "ratio": 0.5}]})", kTask), true},
      {sweep_with(kModel, R"({"label": "r", "seeds": [], "steps": [{"pruner": "random", "ratio": 0.5}]})", kTask), false},
      {sweep_with(kModel, R"({"label": "w", "steps": [{"pruner": "wanda", "sparsity": 0.5}], "calibration": {"file": "f"}})", kTask), false},
      {sweep_with(kModel, R"({"label": "w", "steps": [{"pruner": "wanda", "sparsity": 0.5}], "calibration": {"file": "f", "fields": ["t"]}})", kTask), true},
      {sweep_with(kModel, kDense, R"({"task": "gsm8k", "until": {"difference": 0.02, "stop": "decision", "looks": 5}})"), true},
      {sweep_with(kModel, kDense, R"({"task": "gsm8k", "until": {}})"), false},
      {sweep_with(kModel, kDense, R"({"task": "gsm8k", "until": {"difference": 0}})"), false},
      {sweep_with(kModel, kDense, R"({"task": "gsm8k", "until": {"difference": 0.02, "stop": "never"}})"), false},
      {sweep_with(kModel, kDense, R"({"task": "gsm8k", "until": {"differnce": 0.02}})"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "thread": 2)"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "threads": 0)"), false},
      {sweep_with(kModel, kDense, kTask, R"(, "threads": "2")"), false},
      {sweep_with(R"({"name": "m"})", kDense, kTask), false},
      {sweep_with(R"({"name": "m", "path": "p", "recorded": "r"})", kDense, kTask), false},
      {sweep_with(R"({"name": "m", "path": "p", "dtype": "f16"})", kDense, kTask), false},
      {sweep_with(kModel, R"({"label": "dense"})", kTask), false},
      {sweep_with(kModel, R"({"label": "x", "steps": [{"pruner": "wonda"}]})", kTask), false},
      {sweep_with(kModel, R"({"label": "x", "steps": [{"pruner": "wanda", "ratio": 0.5}]})", kTask), false},
      {sweep_with(kModel, R"({"label": "x", "steps": [{"pruner": "wanda", "sparsity": 1.5}]})", kTask), false},
      {sweep_with(kModel, kDense, R"({"task": "gsm9k"})"), false},
      {sweep_with(kModel, kDense, R"({"task": "gsm8k", "limit": -1})"), false},
      {sweep_with(kModel, kDense, R"({"limit": 1})"), false},
      {R"({"name": "s", "models": [], "variants": [], "tasks": []})", false},
      {R"([])", false},
  };
  for (const auto& [text, is_well] : cases) {
    EXPECT_EQ(takes(text), is_well) << text;
    bool is_read = true;
    try {
      parse_sweep(text, "s.json", "/sweeps", pruner_declarations());
    } catch (const Error&) {
      is_read = false;
    }
    EXPECT_EQ(is_read, is_well) << text;
  }
}

TEST_F(SweepSchema, KnowsEverySettingOfEveryPlugIn) {
  const OrderedJson schema = sweep_schema(pruner_declarations());
  const auto settings_of = [&](const char* definition, const char* kind, const std::string& name) {
    for (const OrderedJson& one : schema["definitions"][definition]["allOf"]) {
      if (one["if"]["properties"][kind]["const"] == name) return one["then"]["properties"];
    }
    return OrderedJson();
  };
  for (const std::string& name : task_names()) {
    for (const Setting& setting : task_declaration(name).settings)
      EXPECT_EQ(settings_of("task", "task", name)[setting.name]["description"], setting.summary) << name << " " << setting.name;
  }
  for (const std::string& name : Registry<Pruner>::instance().names()) {
    for (const Setting& setting : Registry<Pruner>::instance().find(name).settings)
      EXPECT_EQ(settings_of("step", "pruner", name)[setting.name]["description"], setting.summary) << name << " " << setting.name;
  }
}

}  // namespace
}  // namespace winnow
