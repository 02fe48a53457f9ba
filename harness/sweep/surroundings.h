#pragma once
#include "harness/core/json.h"

namespace winnow {

// The machine a sweep runs on: cpu, cores (physical, that this process may use), memory_bytes, load_average (1, 5, 15 minutes), system.
Json surroundings();

// Physical cores that this process may run on; at least 1.
int usable_cores();

}  // namespace winnow
