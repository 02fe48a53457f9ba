#pragma once
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace winnow::test {

struct ProgramOptions {
  std::string input = {};                               // its standard input; empty: /dev/null
  double seconds = 120;                                 // then SIGKILL and timed_out
  std::map<std::string, std::string> environment = {};  // added to this process's
  std::filesystem::path folder = {};                    // to run in; empty: this process's
  std::optional<double> signal_after = {};              // seconds after its start …
  int signal = SIGKILL;                                 // … when it gets this signal
};

struct ProgramResult {
  int exit_code = -1;  // -1 where a signal ended it
  int ended_by = 0;    // that signal
  bool timed_out = false;
  std::string output;  // what it wrote to stdout
  std::string errors;  // what it wrote to stderr
  double seconds = 0;
  long long peak_bytes = 0;  // resident, its largest
};

std::filesystem::path winnow_program();  // the built program `winnow`

// Runs it with these arguments to its end.
ProgramResult run_winnow(const std::vector<std::string>& arguments, const ProgramOptions& options = {});
// The same for any program; command[0] is looked up in PATH.
ProgramResult run_program(const std::vector<std::string>& command, const ProgramOptions& options = {});

}  // namespace winnow::test
