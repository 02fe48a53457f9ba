#pragma once
#include <set>
#include <span>
#include <string>

#include "results/leaderboard.h"
#include "results/store.h"

namespace winnow {

// The leaderboard of stores: the newest trial of every cell (of `keys`, where some are given), each score with its paired difference from that of the
// whole model where the stores have both on the same examples.
Leaderboard board_of(std::span<Store> stores, const std::set<std::string>& keys = {});

}  // namespace winnow
