#pragma once
#include <cstdint>
#include <span>

namespace winnow {

// Count, mean and central moments of a stream of numbers, in doubles and without the cancellation of sums of powers: each block is centred on its own mean,
// and blocks are joined by Pébay's formulas (Sandia report SAND2008-6212, 2.1 and 2.2).
class Moments {
 public:
  void add(std::span<const float> block);
  void add(const Moments& other);

  std::int64_t count() const { return count_; }
  double mean() const { return mean_; }
  double variance() const;         // over n; NaN where nothing was added
  double excess_kurtosis() const;  // m4 / m2² − 3, over n, as scipy.stats.kurtosis has it; NaN where all numbers are equal

 private:
  std::int64_t count_ = 0;
  double mean_ = 0, m2_ = 0, m3_ = 0, m4_ = 0;  // Σ (x − mean)ᵏ
};

}  // namespace winnow
