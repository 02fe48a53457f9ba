#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "harness/core/statistics.h"

// Looking at results while they come in, without being fooled by having looked.
namespace winnow {

// How a two-sided error is spent over declared looks (Lan and DeMets 1983): what may have been spent when `share` (0 … 1) of the information is there.
enum class Spending {
  kObrienFleming,  // 4(1 − Φ(z_{α/4} / √share)): almost nothing early
  kPocock,         // α·ln(1 + (e − 1)·share): evenly
};
double spent_error(Spending spending, double share, double error);

// Boundaries of |estimate| / standard error at looks whose information (1 / variance) is given, ascending, so that the error spent up to each look is `cumulative_error`.
// Recursive integration after Armitage, McPherson and Rowe (1969), good to 1e-9; infinite where less than 1e-15 is spent.
std::vector<double> look_boundaries(std::span<const double> information, std::span<const double> cumulative_error);

// A sequence of intervals for the mean of a finite population of values in [-1, 1], drawn in random order without replacement: with probability `level` all of them
// hold the mean, however often one looks. Empirical-Bernstein martingale of Waudby-Smith and Ramdas (2020, theorem 3.2).
class AnyTimeInterval {
 public:
  AnyTimeInterval(std::int64_t population, double level);
  void add(double value);
  Interval interval() const;  // the intersection of all so far
  double estimate() const;

 private:
  double population_, bound_;
  std::int64_t count_ = 0;
  double sum_ = 0, squares_ = 0;  // of values rescaled to [0, 1]; squares about the running mean
  double weights_ = 0, weighed_ = 0, spread_ = 0;
  double low_ = 0, high_ = 1;
};

}  // namespace winnow
