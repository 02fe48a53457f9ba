#include "harness/core/proportions.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "harness/core/error.h"

namespace winnow {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Where a falling function meets `level` between low and high; an end where it does not.
double crossing(const std::function<double(double)>& falling, double level, double low, double high) {
  for (int i = 0; i < 200; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (falling(middle) > level ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

double standardised(double distance, double variance) {
  if (distance == 0) return 0;
  return variance > 0 ? distance / std::sqrt(variance) : std::copysign(kInfinity, distance);
}

}  // namespace

double PairCounts::discordant_share() const { return total() == 0 ? kNoNumber : static_cast<double>(only_first + only_second) / static_cast<double>(total()); }

double normal_reach(double level) {
  WINNOW_CHECK(level > 0 && level < 1);
  return boost::math::quantile(boost::math::normal_distribution<double>(), 0.5 + level / 2);
}

double wilson_statistic(std::int64_t right, std::int64_t count, double share) {
  if (count == 0) return kNoNumber;
  const double n = static_cast<double>(count);
  return standardised(static_cast<double>(right) / n - share, share * (1 - share) / n);
}

Interval wilson_interval(std::int64_t right, std::int64_t count, double level) {
  if (count == 0) return {kNoNumber, kNoNumber};
  const double n = static_cast<double>(count), share = static_cast<double>(right) / n, z = normal_reach(level);
  const double center = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double reach = z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n);
  return {right == 0 ? 0 : center - reach, right == count ? 1 : center + reach};
}

// With q the share that only the first answers, the likelihood under second − first = d is largest at the greater root of
// 2n·q² − B·q − C = 0; the variance of the difference of the counts is then n(2q + d − d²).
double difference_statistic(const PairCounts& counts, double difference) {
  const double n = static_cast<double>(counts.total()), lost = static_cast<double>(counts.only_first), gained = static_cast<double>(counts.only_second);
  if (counts.total() == 0) return kNoNumber;
  const double same = n - lost - gained, d = difference;
  const double linear = gained * (1 - d) + lost * (1 - 3 * d) - 2 * same * d, constant = lost * d * (1 - d);
  const double root = (linear + std::sqrt(std::max(0.0, linear * linear + 8 * n * constant))) / (4 * n);
  const double q = std::max({root, 0.0, -d});
  return standardised(gained - lost - n * d, n * (2 * q + d - d * d));
}

Interval difference_interval(const PairCounts& counts, double level) {
  if (counts.total() == 0) return {kNoNumber, kNoNumber};
  const double z = normal_reach(level);
  const double seen = static_cast<double>(counts.only_second - counts.only_first) / static_cast<double>(counts.total());
  const auto statistic = [&](double difference) { return difference_statistic(counts, difference); };
  return {seen == -1 ? -1 : crossing(statistic, z, -1, seen), seen == 1 ? 1 : crossing(statistic, -z, seen, 1)};
}

double unseen_variance(double pairs) { return 2 / (pairs + 2) / pairs; }

// The share that neither answers keeps its own estimate; the first's share of right answers is the smaller root of a quadratic, and the
// variance of second − ratio·first is n·ratio·(discordant share) under second = ratio·first.
double ratio_statistic(const PairCounts& counts, double ratio) {
  WINNOW_CHECK(ratio >= 0);
  const double both = static_cast<double>(counts.both), lost = static_cast<double>(counts.only_first), gained = static_cast<double>(counts.only_second);
  const double n = static_cast<double>(counts.total()), answered = both + lost + gained, r = ratio;
  if (counts.total() == 0) return kNoNumber;
  const double distance = both + gained - r * (both + lost);
  if (answered == 0 || r == 0) return standardised(distance, 0);
  const double s = answered / n;
  const double square = r * (1 + r) * answered;
  const double linear = -s * (both * (1 + r) * (1 + r) + lost * r * (2 + r) + gained * (1 + 2 * r));
  const double constant = s * s * (both * (1 + r) + lost * r + gained);
  // The smaller root as constant / (the greater one): no digits cancel.
  const double first_share = 2 * constant / (-linear + std::sqrt(std::max(0.0, linear * linear - 4 * square * constant)));
  return standardised(distance, n * r * std::max(0.0, 2 * s - (1 + r) * first_share));
}

Interval ratio_interval(const PairCounts& counts, double level) {
  if (counts.first_right() == 0) return {kNoNumber, kNoNumber};
  const double z = normal_reach(level);
  const double seen = static_cast<double>(counts.second_right()) / static_cast<double>(counts.first_right());
  const auto statistic = [&](double ratio) { return ratio_statistic(counts, ratio); };
  double above = std::max(2 * seen, 1.0);
  while (statistic(above) > -z && above < 1e12) above *= 2;
  return {seen == 0 ? 0 : crossing(statistic, z, 0, seen), above < 1e12 ? crossing(statistic, -z, seen, above) : kInfinity};
}

double examples_to_settle(double statistic, double count, double level, double power) {
  WINNOW_CHECK(power >= 0.5 && power < 1);
  if (std::isnan(statistic) || statistic == 0) return kInfinity;
  const double chance = power == 0.5 ? 0 : boost::math::quantile(boost::math::normal_distribution<double>(), power);
  const double times = (normal_reach(level) + chance) / std::abs(statistic);
  return std::ceil(count * times * times - 1e-9);
}

double smallest_visible_difference(double discordant_share, std::int64_t pairs, double level, double power) {
  if (pairs == 0 || std::isnan(discordant_share)) return kNoNumber;
  const double z = normal_reach(level), chance = boost::math::quantile(boost::math::normal_distribution<double>(), power);
  const double n = static_cast<double>(pairs), share = discordant_share;
  const auto lacking = [&](double difference) {  // positive where the difference is too small to be seen
    return z * std::sqrt(share) + chance * std::sqrt(std::max(0.0, share - difference * difference)) - difference * std::sqrt(n);
  };
  // A difference cannot be greater than the share of discordant pairs: beyond it √n more would be needed than there is.
  return crossing(lacking, 0, 0, 2 + z + chance);
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto rank_of = [&](std::size_t i) { return std::isnan(p_values[i]) ? kInfinity : p_values[i]; };
  std::ranges::stable_sort(order, {}, rank_of);
  std::vector<double> adjusted(p_values.size(), kNoNumber);
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size() && !std::isnan(p_values[order[rank]]); ++rank) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - rank) * p_values[order[rank]]));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

}  // namespace winnow
