#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "harness/pruning/plan.h"

namespace winnow {

// Which engines load an exported folder, and what of the plan it does not carry; a sentence each.
std::vector<std::string> export_remarks(const PrunePlan& plan, const ModelConfig& before, const ModelConfig& pruned);

// The model card for the pruned folder: what was done, below the card's front matter, and then the card, which is the whole model's.
std::string pruned_card(std::string_view card, const PrunePlan& plan);

}  // namespace winnow
