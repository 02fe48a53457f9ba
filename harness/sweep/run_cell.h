#pragma once
#include <chrono>
#include <exception>
#include <optional>

#include "harness/sweep/run_sweep.h"
#include "harness/sweep/spent.h"

namespace winnow {

inline constexpr double kSecondsBetweenReports = 0.1;  // of progress

// The log itself failed (disk full …): no row can say so, the sweep has to end.
struct LogFailure {
  std::exception_ptr cause;
};
// Runs `save`; what it throws becomes a LogFailure.
void saving(const std::function<void()>& save);

// What one cell runs with.
struct CellRun {
  const Sweep& sweep;
  const Cell& cell;
  OpenedModel& opened;
  DatasetSource& datasets;
  TrialLog& log;
  const TrialLog::OpenTrial& trial;
  const RunControls& controls;
  MemoryWatch& memory;
  SweepProgress& progress;
  ResidentBytes load_peaks = {};  // while the model was opened
};

// Asks the model everything the trial has no answer to yet, saving as it goes; nothing when it was asked to stop before the end.
// Lets pass what task, model and data sets throw.
std::optional<TrialEnd> run_cell(const CellRun& run);

}  // namespace winnow
