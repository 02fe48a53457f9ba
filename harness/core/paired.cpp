#include "harness/core/paired.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "harness/core/error.h"
#include "harness/core/proportions.h"
#include "harness/core/python_random.h"

namespace winnow {
namespace {

double weight_of(const StratumSample& sample) {
  if (sample.weight > 0) return sample.weight;
  return static_cast<double>(sample.population > 0 ? sample.population : sample.count);
}
double weight_of(const PairedStratum& stratum) { return stratum.weight > 0 ? stratum.weight : static_cast<double>(stratum.first.size()); }

// Of strata that are weighed otherwise than by their count, only the weights' sum is kept.
StratumSample joined(const StratumSample& a, const StratumSample& b) {
  StratumSample sample = a.count == 0 ? b : a;
  sample.population = a.population + b.population;
  if (a.weight > 0 || b.weight > 0) sample.weight = weight_of(a) + weight_of(b);
  if (a.count == 0 || b.count == 0) return sample;
  const double n = static_cast<double>(a.count), m = static_cast<double>(b.count), step = b.mean - a.mean;
  const double squares = (n - 1) * (a.count > 1 ? a.variance : 0) + (m - 1) * (b.count > 1 ? b.variance : 0) + step * step * n * m / (n + m);
  sample.count = a.count + b.count;
  sample.mean = a.mean + step * m / (n + m);
  sample.variance = squares / (n + m - 1);
  return sample;
}

// A stratum of one example says nothing of its own spread.
std::vector<StratumSample> collapsed(std::span<const StratumSample> samples) {
  std::vector<StratumSample> result;
  StratumSample small, all;
  for (const StratumSample& sample : samples) {
    all = joined(all, sample);
    if (sample.count > 1)
      result.push_back(sample);
    else
      small = joined(small, sample);
  }
  if (weight_of(small) == 0) return result;
  if (small.count < 2) return {all};
  result.push_back(small);
  return result;
}

Interval percentiles(const std::vector<double>& values, double level) { return {quantile(values, 0.5 - level / 2), quantile(values, 0.5 + level / 2)}; }

// What draws add to the variance of their mean: (MS_draws − MS_rest) / (draws·examples), and over the examples at hand alone MS_draws / (draws·examples).
struct DrawVariance {
  double between = 0, of_mean = 0, freedom = 0;
};

DrawVariance draw_variance(const Draws& draws) {
  if (draws.size() < 2 || draws.front().empty()) return {};
  const double count = static_cast<double>(draws.size()), n = static_cast<double>(draws.front().size());
  std::vector<double> draw_means, example_means(draws.front().size());
  for (const std::vector<double>& draw : draws) {
    draw_means.push_back(mean(draw));
    for (std::size_t i = 0; i < draw.size(); ++i) example_means[i] += draw[i] / count;
  }
  const double center = mean(draw_means);
  double between = 0, rest = 0;
  for (std::size_t r = 0; r < draws.size(); ++r) {
    between += n * (draw_means[r] - center) * (draw_means[r] - center);
    for (std::size_t i = 0; i < example_means.size(); ++i) {
      const double residual = draws[r][i] - draw_means[r] - example_means[i] + center;
      rest += residual * residual;
    }
  }
  const double mean_square = between / (count - 1), rest_square = n > 1 ? rest / ((count - 1) * (n - 1)) : 0;
  return {std::max(0.0, mean_square - rest_square) / (count * n), mean_square / (count * n), count - 1};
}

}  // namespace

Estimate stratified_mean(std::span<const StratumSample> samples) {
  const std::vector<StratumSample> strata = collapsed(samples);
  double total = 0, value = 0, variance = 0;
  for (const StratumSample& sample : strata) total += weight_of(sample);
  if (total == 0) return {kNoNumber, kNoNumber};
  // What is joined for its spread has one mean; strata with weights of their own keep theirs.
  const bool has_weights = std::ranges::any_of(samples, [](const StratumSample& sample) { return sample.weight > 0; });
  for (const StratumSample& sample : has_weights ? samples : std::span(strata)) value += weight_of(sample) / total * sample.mean;
  for (const StratumSample& sample : strata) {
    const double weight = weight_of(sample) / total, n = static_cast<double>(sample.count);
    const double left = sample.population > 0 ? 1 - n / static_cast<double>(sample.population) : 1;
    variance += sample.count > 1 ? weight * weight * sample.variance / n * left : left > 0 ? kNoNumber : 0;
  }
  return {value, std::sqrt(variance)};
}

StratumSample difference_sample(const PairedStratum& stratum) {
  WINNOW_CHECK(stratum.first.size() == stratum.second.size());
  StratumSample sample{.count = static_cast<std::int64_t>(stratum.first.size()), .weight = stratum.weight};
  if (stratum.first.empty()) return sample;
  const PairedDifference paired = paired_difference(stratum.second, stratum.first);
  sample.mean = paired.difference;
  if (sample.count > 1) sample.variance = paired.standard_error * paired.standard_error * static_cast<double>(sample.count);
  return sample;
}

PairedDifference stratified_difference(std::span<const PairedStratum> strata, double level) {
  std::vector<StratumSample> samples;
  for (const PairedStratum& stratum : strata) samples.push_back(difference_sample(stratum));
  const Estimate estimate = stratified_mean(samples);
  const double reach = normal_reach(level) * estimate.standard_error;
  return {estimate.value, estimate.standard_error, {estimate.value - reach, estimate.value + reach}};
}

PairedMeans stratified_means(std::span<const PairedStratum> strata) {
  double total = 0;
  PairedMeans means{0, 0};
  for (const PairedStratum& stratum : strata) {
    if (stratum.first.empty()) continue;
    total += weight_of(stratum);
    means.first += weight_of(stratum) * mean(stratum.first);
    means.second += weight_of(stratum) * mean(stratum.second);
  }
  return {means.first / total, means.second / total};
}

PairedBootstrap stratified_bootstrap(std::span<const PairedStratum> strata, int replicates, std::uint64_t seed, double level) {
  WINNOW_CHECK(level > 0 && level < 1 && replicates > 0);
  struct Pair {
    double first, second;
  };
  struct Stratum {
    std::vector<Pair> pairs;
    double share;  // of each example in the mean
  };
  double total = 0;
  for (const PairedStratum& stratum : strata) total += stratum.first.empty() ? 0 : weight_of(stratum);
  if (total == 0) return {{kNoNumber, kNoNumber}, {kNoNumber, kNoNumber}};
  std::vector<Stratum> weighed;
  for (const PairedStratum& stratum : strata) {
    weighed.push_back({{}, weight_of(stratum) / total / static_cast<double>(stratum.first.size())});
    for (std::size_t i = 0; i < stratum.first.size(); ++i) weighed.back().pairs.push_back({stratum.first[i], stratum.second[i]});
  }
  PythonRandom random(seed);
  std::vector<double> differences, ratios;
  for (int replicate = 0; replicate < replicates; ++replicate) {
    double first = 0, second = 0;
    for (const Stratum& stratum : weighed) {
      double of_first = 0, of_second = 0;
      for (std::size_t i = 0; i < stratum.pairs.size(); ++i) {
        const Pair& pair = stratum.pairs[(random.bits32() * static_cast<std::uint64_t>(stratum.pairs.size())) >> 32];
        of_first += pair.first;
        of_second += pair.second;
      }
      first += stratum.share * of_first;
      second += stratum.share * of_second;
    }
    differences.push_back(second - first);
    ratios.push_back(first == 0 ? kNoNumber : second / first);
  }
  return {percentiles(differences, level), percentiles(ratios, level)};
}

Estimate log_ratio(std::span<const double> first, std::span<const double> second, std::span<const double> weights) {
  WINNOW_CHECK(first.size() == second.size() && first.size() == weights.size());
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    sum += second[i] - first[i];
    weight += weights[i];
  }
  if (first.empty() || weight == 0) return {kNoNumber, kNoNumber};
  const double ratio = sum / weight, n = static_cast<double>(first.size());
  double squares = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double residual = second[i] - first[i] - ratio * weights[i];
    squares += residual * residual;
  }
  return {ratio, first.size() < 2 ? kNoNumber : std::sqrt(squares * n / (n - 1)) / weight};
}

Interval bootstrap_log_ratio(std::span<const double> first, std::span<const double> second, std::span<const double> weights, int replicates, std::uint64_t seed,
                             double level) {
  WINNOW_CHECK(first.size() == second.size() && first.size() == weights.size() && replicates > 0);
  if (first.empty()) return {kNoNumber, kNoNumber};
  PythonRandom random(seed);
  std::vector<double> ratios;
  for (int replicate = 0; replicate < replicates; ++replicate) {
    double sum = 0, weight = 0;
    for (std::size_t i = 0; i < first.size(); ++i) {
      const std::size_t drawn = (random.bits32() * static_cast<std::uint64_t>(first.size())) >> 32;
      sum += second[drawn] - first[drawn];
      weight += weights[drawn];
    }
    ratios.push_back(weight == 0 ? kNoNumber : sum / weight);
  }
  return percentiles(ratios, level);
}

ReplicatedDifference replicated_difference(const Draws& first, const Draws& second, double over_examples) {
  WINNOW_CHECK(!first.empty() && !second.empty() && first.front().size() == second.front().size());
  const DrawVariance a = draw_variance(first), b = draw_variance(second);
  const double n = static_cast<double>(first.front().size());
  ReplicatedDifference result;
  const auto mean_of = [](const Draws& draws) {
    double sum = 0;
    for (const std::vector<double>& draw : draws) sum += mean(draw);
    return sum / static_cast<double>(draws.size());
  };
  result.difference = mean_of(second) - mean_of(first);
  result.over_draws = {result.difference, std::sqrt(a.of_mean + b.of_mean)};
  result.draws_freedom = satterthwaite({{a.of_mean, a.freedom}, {b.of_mean, b.freedom}});
  const double examples = over_examples * over_examples;
  result.over_both = std::sqrt(examples + a.between + b.between);
  result.both_freedom = satterthwaite({{examples, n - 1}, {a.between, a.freedom}, {b.between, b.freedom}});
  return result;
}

double satterthwaite(std::initializer_list<std::pair<double, double>> variances_and_freedoms) {
  double sum = 0, squares = 0;
  for (const auto& [variance, freedom] : variances_and_freedoms) {
    sum += variance;
    if (variance > 0 && freedom > 0) squares += variance * variance / freedom;
  }
  return squares > 0 ? sum * sum / squares : std::numeric_limits<double>::infinity();
}

Interval t_interval(double value, double standard_error, double freedom, double level) {
  if (std::isnan(standard_error) || !(freedom > 0)) return {kNoNumber, kNoNumber};
  const double t = std::isinf(freedom) ? normal_reach(level) : boost::math::quantile(boost::math::students_t_distribution<double>(freedom), 0.5 + level / 2);
  return {value - t * standard_error, value + t * standard_error};
}

double normal_p(double value, double standard_error) {
  if (value == 0) return 1;
  return std::isnan(value) || std::isnan(standard_error) ? kNoNumber : std::erfc(std::abs(value) / standard_error / std::sqrt(2.0));
}

double t_p(double value, double standard_error, double freedom) {
  if (value == 0 || std::isinf(freedom)) return normal_p(value, standard_error);
  if (std::isnan(standard_error) || !(freedom > 0)) return kNoNumber;
  if (standard_error == 0) return 0;
  return 2 * boost::math::cdf(boost::math::complement(boost::math::students_t_distribution<double>(freedom), std::abs(value) / standard_error));
}

}  // namespace winnow
