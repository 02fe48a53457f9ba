#include "tasks/shared/conditions.h"

#include <algorithm>

namespace winnow {
namespace {

constexpr double kForeignCores = 0.1, kStolenShare = 0.02, kWaiting = 1, kCounting = 0.05;

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
}

std::string remark_on(const Conditions& conditions) {
  if (!conditions.contended) return "";
  return fmt::format("; contended: others kept {:.2f} processors busy, {:.1f} % was stolen, load average {:.2f} before and {:.2f} after",
                     conditions.foreign_cores, 100 * conditions.stolen_share, conditions.before.load_average, conditions.after.load_average);
}

}  // namespace winnow
