#pragma once
#include <functional>
#include <span>

#include "harness/sweep/run_sweep.h"

namespace winnow {

// What the cells of one model and one measurement run with.
struct MeasureRun {
  const Sweep& sweep;
  std::span<const Cell* const> cells;
  ModelOpener& opener;
  DatasetSource& datasets;
  TrialLog& log;
  const RunControls& controls;
  SweepProgress& progress;
  std::function<TrialLog::OpenTrial(const Cell&)> begin;
  std::function<void(const Cell&, const TrialLog::OpenTrial&, TrialEnd)> close;
  TrialEnd (*end_of)(const std::exception&);  // what an exception means for a cell
};

// Begins a trial of each cell, measures them together and closes each as soon as its numbers are there. kNo when it was asked to stop: trials that
// are not closed stay open, and are measured anew when the sweep goes on.
Continue measure_cells(const MeasureRun& run);

}  // namespace winnow
