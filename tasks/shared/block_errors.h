#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace winnow {

// Errors of statistics over tokens that depend on their neighbours: tokens are taken in blocks of consecutive ones, and blocks as independent.

// Lengths of the blocks that `tokens_of_window` are cut into: each window one block, but with fewer than `least` windows each is cut evenly until there are
// about as many. At least one token a block; windows without a token have none.
std::vector<std::int64_t> block_lengths(std::span<const std::int64_t> tokens_of_window, std::int64_t least = 32);

// Σ sums / Σ lengths with the standard error of a ratio over blocks (Cochran, Sampling Techniques, 6.3), √(B/(B−1) · Σ (sᵢ − m·nᵢ)²) / Σ nᵢ; NaN for one block.
double block_error_of_mean(std::span<const double> sums, std::span<const std::int64_t> lengths);

// Standard deviations of quantiles (numpy's linear interpolation; 1 is the maximum) over bootstrap replicates that draw blocks with replacement. Deterministic
// for a seed; NaN for one block.
std::vector<double> bootstrap_quantile_errors(std::span<const double> values, std::span<const std::int64_t> lengths, std::span<const double> probabilities,
                                              int replicates, std::uint64_t seed);

}  // namespace winnow
