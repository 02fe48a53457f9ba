#include "harness/core/moments.h"

#include "harness/core/statistics.h"

namespace winnow {

void Moments::add(std::span<const float> block) {
  if (block.empty()) return;
  Moments own;
  double sum = 0;
  for (const float value : block) sum += value;
  own.count_ = static_cast<std::int64_t>(block.size());
  own.mean_ = sum / static_cast<double>(block.size());
  for (const float value : block) {
    const double away = value - own.mean_, square = away * away;
    own.m2_ += square;
    own.m3_ += square * away;
    own.m4_ += square * square;
  }
  add(own);
}

void Moments::add(const Moments& other) {
  if (other.count_ == 0) return;
  if (count_ == 0) {
    *this = other;
    return;
  }
  const double a = static_cast<double>(count_), b = static_cast<double>(other.count_), n = a + b;
  const double step = other.mean_ - mean_, share = step / n;
  m4_ += other.m4_ + step * share * share * share * a * b * (a * a - a * b + b * b) + 6 * share * share * (a * a * other.m2_ + b * b * m2_) +
         4 * share * (a * other.m3_ - b * m3_);
  m3_ += other.m3_ + step * share * share * a * b * (a - b) + 3 * share * (a * other.m2_ - b * m2_);
  m2_ += other.m2_ + step * share * a * b;
  mean_ += share * b;
  count_ += other.count_;
}

double Moments::variance() const { return count_ == 0 ? kNoNumber : m2_ / static_cast<double>(count_); }

double Moments::excess_kurtosis() const {
  if (!(m2_ > 0)) return kNoNumber;
  return static_cast<double>(count_) * m4_ / (m2_ * m2_) - 3;
}

}  // namespace winnow
