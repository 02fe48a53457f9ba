#include "tasks/shared/conditions.h"

#include <algorithm>

namespace winnow {
namespace {

constexpr double kForeignCores = 0.1, kStolenShare = 0.02, kWaiting = 1, kCounting = 0.05;

// Clocks that were held down by power, heat or hardware, of NVML's bits; not by idleness or by what was set.
constexpr std::uint64_t kHeldDown = 0x4 | 0x8 | 0x20 | 0x40 | 0x80;

void add_gpu(const GpuState& before, const GpuState& after, Figures& figures) {
  if (after.energy_joules > before.energy_joules) figures.add("energy", after.energy_joules - before.energy_joules, "joules", Better::kLower);
  figures.add("gpu_clock_before", before.sm_clock_mhz, "MHz", Better::kHigher);
  figures.add("gpu_clock_after", after.sm_clock_mhz, "MHz", Better::kHigher);
  figures.add("gpu_memory_clock_after", after.memory_clock_mhz, "MHz", Better::kHigher);
  figures.add("power_limit", after.power_limit_watts, "watts", Better::kHigher);
  figures.add("throttle_reasons_before", static_cast<double>(before.throttle_reasons), "bits", Better::kLower);
  figures.add("throttle_reasons_after", static_cast<double>(after.throttle_reasons), "bits", Better::kLower);
  figures.add("device_used_after", after.used_bytes, "bytes", Better::kLower);
}

}  // namespace

Conditions conditions_between(const MachineState& before, const MachineState& after, int threads) {
  Conditions conditions{.before = before, .after = after};
  const double busy = after.busy_cpu_seconds - before.busy_cpu_seconds, own = after.own_cpu_seconds - before.own_cpu_seconds;
  const double stolen = after.stolen_cpu_seconds - before.stolen_cpu_seconds, seconds = after.seconds - before.seconds;
  if (seconds > 0) conditions.foreign_cores = std::max(0.0, busy - own) / seconds;
  if (busy + stolen > 0) conditions.stolen_share = std::max(0.0, stolen) / (busy + stolen);
  // The kernel counts in hundredths of a second.
  conditions.contended = conditions.foreign_cores > kForeignCores + (seconds > 0 ? kCounting / seconds : 0) || conditions.stolen_share > kStolenShare ||
                         std::max(before.load_average, after.load_average) > threads + kWaiting;
  return conditions;
}

void add_conditions(const Conditions& conditions, Figures& figures) {
  figures.add("contended", conditions.contended ? 1 : 0, "mark", Better::kLower);
  figures.add("foreign_cores", conditions.foreign_cores, "cores", Better::kLower);
  figures.add("stolen_share", conditions.stolen_share, "share", Better::kLower);
  figures.add("load_average_before", conditions.before.load_average, "processes", Better::kLower);
  figures.add("load_average_after", conditions.after.load_average, "processes", Better::kLower);
  if (conditions.before.clock_mhz > 0) figures.add("clock_before", conditions.before.clock_mhz, "MHz", Better::kHigher);
  if (conditions.after.clock_mhz > 0) figures.add("clock_after", conditions.after.clock_mhz, "MHz", Better::kHigher);
  if (conditions.before.gpu && conditions.after.gpu) add_gpu(*conditions.before.gpu, *conditions.after.gpu, figures);
}

std::string remark_on(const Conditions& conditions) {
  const std::uint64_t held_down = conditions.after.gpu ? conditions.after.gpu->throttle_reasons & kHeldDown : 0;
  const std::string of_gpu = held_down == 0 ? "" : fmt::format("; the GPU's clocks were held down (NVML reasons {:#x})", held_down);
  if (!conditions.contended) return of_gpu;
  return of_gpu + fmt::format("; contended: others kept {:.2f} processors busy, {:.1f} % was stolen, load average {:.2f} before and {:.2f} after",
                              conditions.foreign_cores, 100 * conditions.stolen_share, conditions.before.load_average, conditions.after.load_average);
}

}  // namespace winnow
