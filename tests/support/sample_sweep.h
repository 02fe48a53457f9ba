#pragma once
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow::test {

// A sweep over the tiny Mixtral of the fixtures and the sample data, in a folder of its own; seconds long.
class SampleSweep {
 public:
  // `tasks` is the JSON list; the variants are dense and random-6.
  explicit SampleSweep(const std::string& tasks = kTasks);

  static const char* const kTasks;      // gsm8k, mmlu, wikitext, perplexity on a few examples
  static const char* const kMoreTasks;  // the same and gsm8k without shots

  void write(const std::string& tasks) const;  // the sweep file anew
  void write_file(const std::string& name, const std::string& text) const { folder_.write(name, text); }
  std::filesystem::path file() const { return folder_ / "sweep.json"; }
  std::filesystem::path store() const { return folder_ / "sample.sqlite"; }
  const TemporaryFolder& folder() const { return folder_; }

  std::vector<std::string> run_arguments() const;
  ProgramResult run(const ProgramOptions& options = {}, const std::vector<std::string>& more = {}) const;
  // Every metric of every cell, times and memory left out: "variant/task/leaf/name/filter" → "value ± stderr (n)".
  std::map<std::string, std::string> table() const;
  std::map<std::string, std::string> environment() const;

 private:
  TemporaryFolder folder_;
};

// By cell, "task/doc/filter" of every answer in a store; a second one of the same is a failure.
std::map<std::string, std::set<std::string>> answers_in(const std::filesystem::path& store);

}  // namespace winnow::test
