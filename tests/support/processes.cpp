#include "tests/support/processes.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <thread>

#include <unistd.h>

namespace winnow::test {
namespace {

std::string proc_file(pid_t process, const char* name) {
  std::ifstream file("/proc/" + std::to_string(process) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> processes;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); })) processes.push_back(std::stoi(name));
  }
  return processes;
}

}  // namespace

std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  for (const pid_t process : all_processes()) {
    if (process != ::getpid() && proc_file(process, "cmdline").find(text) != std::string::npos) found.push_back(process);
  }
  return found;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  for (const pid_t process : all_processes()) {
    const std::string stat = proc_file(process, "stat");  // "12 (name) S 7 …": the parent is the second field after the name
    const std::size_t name_end = stat.rfind(") ");
    if (name_end != std::string::npos && std::atoi(stat.c_str() + name_end + 4) == parent) found.push_back(process);
  }
  return found;
}

bool is_running(pid_t process) { return !proc_file(process, "cmdline").empty(); }

ProgramResult run_and_meddle(const std::vector<std::string>& arguments, const ProgramOptions& options, const std::string& text,
                             const std::function<bool(pid_t program)>& meddle) {
  std::future<ProgramResult> run = std::async(std::launch::async, [&] { return run_winnow(arguments, options); });
  pid_t program = 0;
  bool is_done = false;
  while (run.wait_for(std::chrono::milliseconds(3)) != std::future_status::ready) {
    if (is_done) continue;
    if (program == 0) {
      const std::vector<pid_t> found = processes_with(text);
      if (!found.empty()) program = *std::min_element(found.begin(), found.end());
    }
    if (program != 0) is_done = meddle(program);
  }
  return run.get();
}

}  // namespace winnow::test
