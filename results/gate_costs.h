#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "results/cost_comparison.h"
#include "results/gate_numbers.h"

namespace winnow {

// A cost over all trials of one variant, joined as the leaderboard joins it; the first trial's where it does not.
std::optional<Metric> joined_cost(std::vector<Trial> trials, const std::string& name);

// The ratio of a cost over pairs of trials with its range. Throws Missing where no pair has it.
Judged judge_cost_pairs(std::span<const CostPair> pairs, const std::string& name, const Bounds& bounds);

}  // namespace winnow
