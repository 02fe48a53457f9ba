#pragma once
#include <vector>

#include "harness/sweep/run_workers.h"

namespace winnow {

// What each of `workers` that run side by side has of this machine: its share of the cores, or a GPU in turn. One worker has all.
std::vector<WorkerSeat> deal_seats(int workers, const Sweep& sweep);

}  // namespace winnow
