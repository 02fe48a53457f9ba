#include "harness/app/worker_seats.h"

#include <ATen/Context.h>

#include <algorithm>

#include "harness/engine/cuda.h"
#include "harness/sweep/surroundings.h"

namespace winnow {

std::vector<WorkerSeat> deal_seats(int workers, const Sweep& sweep) {
  const std::vector<std::vector<int>> cores = usable_processors();
  const std::size_t count = static_cast<std::size_t>(workers);
  std::vector<WorkerSeat> seats(count, {.device = sweep.device, .threads = sweep.threads > 0 ? sweep.threads : usable_cores()});
  if (workers == 1) return seats;
  if (sweep.device == "cuda") {
    open_cuda();
    for (std::size_t w = 0; w < count; ++w) seats[w].device = fmt::format("cuda:{}", w % at::getNumGPUs());
  }
  for (std::size_t w = 0; w < count; ++w) {
    const std::size_t begin = w * cores.size() / count, end = (w + 1) * cores.size() / count;
    for (std::size_t core = begin; core < end; ++core) seats[w].processors.insert(seats[w].processors.end(), cores[core].begin(), cores[core].end());
    seats[w].threads = std::max(1, std::min(seats[w].threads, static_cast<int>(end - begin)));
  }
  return seats;
}

}  // namespace winnow
