#pragma once

namespace winnow {

// Part of every cell's key: raise it when the engine's results change by more than the order of sums.
constexpr int kEngineVersion = 1;

}  // namespace winnow
