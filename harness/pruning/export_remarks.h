#pragma once
#include <string>
#include <vector>

#include "harness/pruning/plan.h"

namespace winnow {

// Which engines load an exported folder, and what of the plan it does not carry; a sentence each.
std::vector<std::string> export_remarks(const PrunePlan& plan, const ModelConfig& before, const ModelConfig& pruned);

}  // namespace winnow
