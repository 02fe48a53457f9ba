#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace winnow {

double mean(std::span<const double> values);  // of no values: NaN, as for all functions here
// Sample standard deviation (n − 1) over √n, as lm-evaluation-harness has it for means. 0 values or 1 give NaN.
double mean_standard_error(std::span<const double> values);

inline constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();  // of what cannot be computed

struct GroupPart {
  double value;
  double standard_error;
  std::int64_t count;
};
// Size-weighted mean Σ nᵢ·mᵢ / Σ nᵢ and the pooled standard error √(Σ nᵢ(nᵢ−1)seᵢ² / (Σ nᵢ − k) / Σ nᵢ).
double pooled_mean(std::span<const GroupPart> parts);
double pooled_standard_error(std::span<const GroupPart> parts);

// Exact two-sided McNemar p on discordant counts: min(1, 2·P[X ≤ min(b, c)]), X ~ Binomial(b + c, 1/2).
double mcnemar_exact(std::int64_t only_first_right, std::int64_t only_second_right);

struct Interval {
  double low, high;
};
// Mean of the paired differences first − second with its two-sided normal interval at the given level (0.95).
struct PairedDifference {
  double difference;
  double standard_error;
  Interval interval;
};
PairedDifference paired_difference(std::span<const double> first, std::span<const double> second, double level = 0.95);
// numpy's: mean of the two middle values; linear interpolation. NaN where a value is.
double median(std::span<const double> values);
double quantile(std::span<const double> values, double probability);

}  // namespace winnow
