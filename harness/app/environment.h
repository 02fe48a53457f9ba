#pragma once
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/sweep/sweep_file.h"

namespace winnow {

// What is saved with every trial: program (version, commit, dirty, compiler, libtorch), machine, threads, token budget, seeds by role,
// command line. Digests of models and data are in the cells' identity.
Json environment_of(const Sweep& sweep, int threads, const std::vector<std::string>& command_line);

}  // namespace winnow
