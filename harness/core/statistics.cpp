#include "harness/core/statistics.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <numeric>

#include "harness/core/error.h"

namespace winnow {
namespace {

std::vector<double> differences(std::span<const double> first, std::span<const double> second) {
  WINNOW_CHECK(first.size() == second.size());
  std::vector<double> result(first.size());
  std::transform(first.begin(), first.end(), second.begin(), result.begin(), std::minus<>());
  return result;
}

// Nothing where a value is NaN, which has no place in an order.
std::vector<double> sorted(std::span<const double> values) {
  if (std::ranges::any_of(values, [](double value) { return std::isnan(value); })) return {};
  std::vector<double> result(values.begin(), values.end());
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace

double mean(std::span<const double> values) {
  if (values.empty()) return kNoNumber;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double mean_standard_error(std::span<const double> values) {
  if (values.size() < 2) return kNoNumber;
  const double center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return std::sqrt(squares / static_cast<double>(values.size() - 1)) / std::sqrt(static_cast<double>(values.size()));
}

double pooled_mean(std::span<const GroupPart> parts) {
  double sum = 0;
  std::int64_t count = 0;
  for (const GroupPart& part : parts) {
    sum += part.value * static_cast<double>(part.count);
    count += part.count;
  }
  return count == 0 ? kNoNumber : sum / static_cast<double>(count);
}

double pooled_standard_error(std::span<const GroupPart> parts) {
  double squares = 0;
  std::int64_t count = 0;
  for (const GroupPart& part : parts) {
    squares += static_cast<double>(part.count - 1) * (part.standard_error * part.standard_error) * static_cast<double>(part.count);
    count += part.count;
  }
  const std::int64_t freedom = count - static_cast<std::int64_t>(parts.size());
  if (freedom <= 0) return kNoNumber;
  return std::sqrt(squares / static_cast<double>(freedom) / static_cast<double>(count));
}

double mcnemar_exact(std::int64_t only_first_right, std::int64_t only_second_right) {
  WINNOW_CHECK(only_first_right >= 0 && only_second_right >= 0);
  const std::int64_t discordant = only_first_right + only_second_right;
  if (discordant == 0) return 1;
  const boost::math::binomial_distribution<double> coin(static_cast<double>(discordant), 0.5);
  return std::min(1.0, 2 * boost::math::cdf(coin, static_cast<double>(std::min(only_first_right, only_second_right))));
}

PairedDifference paired_difference(std::span<const double> first, std::span<const double> second, double level) {
  WINNOW_CHECK(level > 0 && level < 1);
  const std::vector<double> pairs = differences(first, second);
  const double difference = mean(pairs), error = mean_standard_error(pairs);
  const double reach = boost::math::quantile(boost::math::normal_distribution<double>(), 0.5 + level / 2) * error;
  return {difference, error, {difference - reach, difference + reach}};
}

double median(std::span<const double> values) {
  const std::vector<double> ordered = sorted(values);
  if (ordered.empty()) return kNoNumber;
  const std::size_t middle = ordered.size() / 2;
  return ordered.size() % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

// numpy's method "linear"; its interpolation starts from the nearer neighbour, so that the ends are met exactly.
double quantile(std::span<const double> values, double probability) {
  WINNOW_CHECK(probability >= 0 && probability <= 1);
  const std::vector<double> ordered = sorted(values);
  if (ordered.empty()) return kNoNumber;
  const double place = probability * static_cast<double>(ordered.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, ordered.size() - 1);
  const double share = place - static_cast<double>(below);
  const double step = ordered[above] - ordered[below];
  return share < 0.5 ? ordered[below] + step * share : ordered[above] - step * (1 - share);
}

}  // namespace winnow
