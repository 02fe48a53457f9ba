#pragma once
#include <functional>
#include <string>
#include <vector>

#include "harness/sweep/run_sweep.h"

namespace winnow {

// What of the machine a worker has.
struct WorkerSeat {
  std::string device = "cpu";
  int threads = 1;
  std::vector<int> processors = {};  // it may run on; empty: on all
};

// Cells that one worker is to run, of one group.
struct Assignment {
  std::vector<Cell> cells;
  WorkerSeat seat;
  std::int64_t token_budget = 0;
};

struct WorkersSetup {
  std::vector<std::string> command;                      // starts a worker (ChildProcess)
  std::vector<WorkerSeat> seats;                         // one for each that may run beside others
  WorkerSeat alone;                                      // of measurements, which run while nothing else does
  std::function<std::string(const Assignment&)> order;   // its first line of input
  std::function<void(const std::string& line)> on_line;  // that it wrote to standard error
  std::int64_t token_budget = 0;
  Limits limits;
  double grace_seconds = 5;  // beyond limits.seconds, for a worker to give a cell up by itself
};

// run_sweep with a process for each group of cells: what one takes or breaks, no other feels. The workers save to the log by themselves; for one that
// died or hung, the cells it was at are closed as failed here, with its signal and last words, and a new worker goes on with the rest. Cells that ran out
// of memory are tried once more with half the token budget. Throws what a worker could not go on from (a full disk …).
SweepOutcome run_workers(const std::vector<Cell>& cells, TrialLog& log, const RunControls& controls, const WorkersSetup& setup);

}  // namespace winnow
