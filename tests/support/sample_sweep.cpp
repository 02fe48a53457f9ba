#include "tests/support/sample_sweep.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "harness/core/json.h"
#include "results/store.h"

namespace winnow::test {

const char* const SampleSweep::kTasks = R"([{"task": "gsm8k", "shots": 2, "limit": 4, "max_new_tokens": 8},
   {"task": "mmlu", "subjects": ["astronomy", "elementary_mathematics"], "shots": 2},
   {"task": "wikitext", "max_length": 128},
   {"task": "perplexity", "dataset": "wikitext2", "window": 64, "bos": "none"}])";
const char* const SampleSweep::kMoreTasks = R"([{"task": "gsm8k", "shots": 2, "limit": 4, "max_new_tokens": 8},
   {"task": "mmlu", "subjects": ["astronomy", "elementary_mathematics"], "shots": 2},
   {"task": "wikitext", "max_length": 128},
   {"task": "perplexity", "dataset": "wikitext2", "window": 64, "bos": "none"},
   {"task": "gsm8k", "shots": 0, "limit": 2, "max_new_tokens": 4}])";

SampleSweep::SampleSweep(const std::string& tasks) { write(tasks); }

void SampleSweep::write(const std::string& tasks) const {
  folder_.write("sweep.json", fmt::format(R"({{"name": "sample",
 "models":   [{{"name": "tiny", "path": "{}", "dtype": "f32"}}],
 "variants": [{{"label": "dense", "steps": []}}, {{"label": "random-6", "steps": [{{"pruner": "random", "experts_kept": 6, "seed": 1}}]}}],
 "tasks": {}, "threads": 1, "token_budget": 512}})",
                                          fixture("lm_eval/tiny_mixtral").string(), tasks));
}

std::vector<std::string> SampleSweep::run_arguments() const { return {"run", file().string(), "--data", fixture("sample_data").string(), "--unverified-data"}; }

std::map<std::string, std::string> SampleSweep::environment() const { return {{"WINNOW_CACHE", (folder_ / "cache").string()}}; }

ProgramResult SampleSweep::run(const ProgramOptions& options, const std::vector<std::string>& more) const {
  ProgramOptions mine = options;
  mine.environment.merge(environment());
  std::vector<std::string> arguments = run_arguments();
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_winnow(arguments, mine);
}

std::map<std::string, std::string> SampleSweep::table() const {
  const ProgramResult report = run_winnow({"report", store().string(), "--format", "json"});
  if (report.exit_code != 0) throw std::runtime_error("report: " + report.errors);
  std::map<std::string, std::string> table;
  const Json parsed = parse_json(report.output, "report");
  for (const Json& trial : parsed["trials"]) {
    for (const Json& metric : trial["metrics"]) {
      const std::string unit = metric["unit"];
      if (unit == "bytes" || unit == "tokens" || unit == "tokens/s" || unit == "seconds") continue;
      const std::string name = fmt::format("{} · {} · {} {} {}", trial["variant"].get<std::string>(), trial["task_label"].get<std::string>(),
                                           metric.value("leaf", ""), metric["name"].get<std::string>(), metric["filter"].get<std::string>());
      // Six digits: how requests are packed after a resume changes the order of sums in f32.
      const std::string error = metric["stderr"].is_null() ? "" : fmt::format(" ± {:.6g}", metric["stderr"].get<double>());
      table[name] = fmt::format("{:.6g}{} (n = {})", metric["value"].get<double>(), error, metric["n"].get<int>());
    }
  }
  return table;
}

std::map<std::string, std::set<std::string>> answers_in(const std::filesystem::path& file) {
  Store store = Store::open_read_only(file);
  std::map<std::string, std::set<std::string>> answers;
  for (const Trial& trial : store.latest()) {
    store.for_each_answer(trial.id, [&](const RecordedAnswer& answer) {
      const std::string name = fmt::format("{}/{}/{}", answer.example.leaf, answer.example.doc_id, answer.answers.at(0).filter);
      EXPECT_TRUE(answers[trial.cell.key].insert(name).second) << name << " twice";
    });
  }
  return answers;
}

}  // namespace winnow::test
