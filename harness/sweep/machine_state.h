#pragma once
#include <string>
#include <string_view>

#include "harness/api/measure.h"

namespace winnow {

// From /proc, now, and from the driver of the GPU where the device is one.
MachineState machine_state(const std::string& device);

// Its parts, from the texts of /proc/stat (clock ticks of a hundredth of a second) and /proc/cpuinfo.
struct CpuSeconds {
  double busy = 0, stolen = 0;
};
CpuSeconds read_cpu_seconds(std::string_view proc_stat, double ticks_per_second);
double read_clock_mhz(std::string_view proc_cpuinfo);

}  // namespace winnow
