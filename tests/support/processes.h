#pragma once
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <vector>

#include "tests/support/program.h"

namespace winnow::test {

// Processes whose command line holds the text; those whose parent is `parent`.
std::vector<pid_t> processes_with(const std::string& text);
std::vector<pid_t> children_of(pid_t parent);
bool is_running(pid_t process);  // not ended, nor waiting for its parent to hear of its end

// Runs the program and meanwhile calls `meddle` with its process id again and again, a few hundred times a second, until it says true.
ProgramResult run_and_meddle(const std::vector<std::string>& arguments, const ProgramOptions& options, const std::string& text_in_its_command_line,
                             const std::function<bool(pid_t program)>& meddle);

}  // namespace winnow::test
