#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "harness/core/trial.h"

namespace winnow {

// One of `count` parts of a grid, counted from 1.
struct Shard {
  std::size_t index = 1, count = 1;
};

// "3/8". Throws Error(kUsage).
Shard parse_shard(const std::string& text);

// The cells of a shard: a run of neighbours, so that few variants are pruned twice. Decided by the grid alone, not by what is done. Cells that are
// measured together are never parted, nor one with "until" from the unpruned model's that it is compared with. A shard may be empty.
std::vector<Cell> cells_of_shard(std::span<const Cell> grid, const Shard& shard);

}  // namespace winnow
