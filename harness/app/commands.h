#pragma once
#include <CLI/App.hpp>
#include <functional>
#include <string>
#include <vector>

namespace winnow {

// One start of the program. A verb's callback sets the action, which runs after the whole command line has been understood and gives the exit code.
struct Invocation {
  std::vector<std::string> command_line;
  std::function<int()> action;
};

void add_run_command(CLI::App& program, Invocation& invocation);
void add_validate_command(CLI::App& program, Invocation& invocation);
void add_list_command(CLI::App& program, Invocation& invocation);
void add_inspect_command(CLI::App& program, Invocation& invocation);
void add_trace_command(CLI::App& program, Invocation& invocation);
void add_tokenize_command(CLI::App& program, Invocation& invocation);
void add_fetch_command(CLI::App& program, Invocation& invocation);
void add_requests_command(CLI::App& program, Invocation& invocation);
void add_plan_command(CLI::App& program, Invocation& invocation);
void add_calibrate_command(CLI::App& program, Invocation& invocation);
void add_prune_command(CLI::App& program, Invocation& invocation);
void add_worker_command(CLI::App& program, Invocation& invocation);
void add_import_command(CLI::App& program, Invocation& invocation);
void add_report_command(CLI::App& program, Invocation& invocation);
void add_compare_command(CLI::App& program, Invocation& invocation);
void add_gate_command(CLI::App& program, Invocation& invocation);
void add_show_command(CLI::App& program, Invocation& invocation);
void add_verify_command(CLI::App& program, Invocation& invocation);

void add_demo_command(CLI::App& program, Invocation& invocation);
void add_demo_train_command(CLI::App& demo, Invocation& invocation);    // a verb of `winnow demo`
void add_demo_average_command(CLI::App& demo, Invocation& invocation);  // a verb of `winnow demo`

// The text of --version: version, commit, libtorch, devices.
std::string version_text();

}  // namespace winnow
