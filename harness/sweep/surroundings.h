#pragma once
#include <vector>

#include "harness/core/json.h"

namespace winnow {

// The machine a sweep runs on: cpu, cores (physical, that this process may use), memory_bytes, load_average (1, 5, 15 minutes), system.
Json surroundings();

// Physical cores that this process may run on; at least 1.
int usable_cores();

// The same, each with the numbers of its processors (hardware threads). Empty where the machine does not tell.
std::vector<std::vector<int>> usable_processors();

}  // namespace winnow
