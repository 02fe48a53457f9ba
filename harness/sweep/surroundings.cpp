#include "harness/sweep/surroundings.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/error.h"

namespace winnow {
namespace {

std::string after_colon(const std::string& line) {
  const std::size_t colon = line.find(':');
  return colon == std::string::npos || colon + 2 > line.size() ? "" : line.substr(colon + 2);
}

struct Processor {
  int number = 0;
  std::string package, core, model;
};

std::vector<Processor> processors() {
  std::vector<Processor> found;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("processor")) found.push_back({.number = std::atoi(after_colon(line).c_str())});
    if (found.empty()) continue;
    if (line.starts_with("physical id")) found.back().package = after_colon(line);
    if (line.starts_with("core id")) found.back().core = after_colon(line);
    if (line.starts_with("model name")) found.back().model = after_colon(line);
  }
  return found;
}

}  // namespace

std::vector<std::vector<int>> usable_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return {};
  std::map<std::pair<std::string, std::string>, std::vector<int>> cores;
  for (const Processor& processor : processors()) {
    if (!CPU_ISSET(processor.number, &allowed)) continue;
    cores[{processor.package, processor.core.empty() ? std::to_string(processor.number) : processor.core}].push_back(processor.number);
  }
  std::vector<std::vector<int>> found;
  for (auto& [core, numbers] : cores) found.push_back(std::move(numbers));
  std::ranges::sort(found);
  return found;
}

int usable_cores() { return std::max(1, static_cast<int>(usable_processors().size())); }

Json surroundings() {
  Json result;
  const std::vector<Processor> all = processors();
  result["cpu"] = all.empty() ? "unknown" : all.front().model;
  result["cores"] = usable_cores();
  result["memory_bytes"] = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  double load[3] = {0, 0, 0};
  const int known = getloadavg(load, 3);
  result["load_average"] = std::vector<double>(load, load + std::max(0, known));
  utsname system;
  if (uname(&system) == 0) result["system"] = fmt::format("{} {} {}", system.sysname, system.release, system.machine);
  return result;
}

}  // namespace winnow
