#include "harness/sweep/machine_state.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "harness/sweep/gpu_state.h"

namespace winnow {
namespace {

std::string text_of(const char* path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

double seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6; }

double own_cpu_seconds() {
  rusage usage{};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? seconds(usage.ru_utime) + seconds(usage.ru_stime) : 0;
}

}  // namespace

// cpu user nice system idle iowait irq softirq steal guest guest_nice; guests are in user and nice already.
CpuSeconds read_cpu_seconds(std::string_view proc_stat, double ticks_per_second) {
  std::istringstream line{std::string(proc_stat.substr(0, proc_stat.find('\n')))};
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft_interrupts = 0, stolen = 0;
  line >> name >> user >> nice >> system >> idle >> waiting >> interrupts >> soft_interrupts >> stolen;
  return {(user + nice + system + interrupts + soft_interrupts) / ticks_per_second, stolen / ticks_per_second};
}

double read_clock_mhz(std::string_view proc_cpuinfo) {
  std::istringstream lines{std::string(proc_cpuinfo)};
  double sum = 0, processors = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with("cpu MHz") || colon == std::string::npos) continue;
    sum += std::strtod(line.c_str() + colon + 1, nullptr);
    ++processors;
  }
  return processors > 0 ? sum / processors : 0;
}

MachineState machine_state(const std::string& device) {
  MachineState state;
  state.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  double load = 0;
  if (getloadavg(&load, 1) == 1) state.load_average = load;
  state.clock_mhz = read_clock_mhz(text_of("/proc/cpuinfo"));
  const CpuSeconds cpu = read_cpu_seconds(text_of("/proc/stat"), static_cast<double>(sysconf(_SC_CLK_TCK)));
  state.busy_cpu_seconds = cpu.busy;
  state.stolen_cpu_seconds = cpu.stolen;
  state.own_cpu_seconds = own_cpu_seconds();
  state.gpu = gpu_state(device);
  return state;
}

}  // namespace winnow
