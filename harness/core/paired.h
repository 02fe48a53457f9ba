#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "harness/core/statistics.h"

// Comparisons of two models over the same examples, which may come in strata (the subjects of MMLU). Everywhere: what the second gained, second − first.
namespace winnow {

// Values of both models on the examples of one stratum, in one order. A stratum weighs as much as it has examples, or (not 0) by its weight.
struct PairedStratum {
  std::vector<double> first, second;
  double weight = 0;
};
// Means of both sides, strata weighed.
struct PairedMeans {
  double first, second;
};
PairedMeans stratified_means(std::span<const PairedStratum> strata);

// A sample of one stratum. population 0: the examples stand for endlessly many like them, and the stratum weighs as much as it has examples;
// otherwise it weighs by its population, and the finite-population factor 1 − count/population counts.
struct StratumSample {
  std::int64_t count = 0;
  double mean = 0, variance = 0;  // variance with n − 1
  std::int64_t population = 0;
  double weight = 0;  // not 0: in place of what it weighs by its count
};
struct Estimate {
  double value, standard_error;
};
// Σ Wₕ·meanₕ with √Σ Wₕ²·varianceₕ/nₕ·(1 − nₕ/Nₕ). Strata of fewer than two examples are joined to one; where that has one example still, all are.
Estimate stratified_mean(std::span<const StratumSample> samples);

// Of the values themselves, each stratum's difference second − first.
StratumSample difference_sample(const PairedStratum& stratum);

// Mean difference with its standard error and its two-sided normal interval.
PairedDifference stratified_difference(std::span<const PairedStratum> strata, double level = 0.95);

// Percentile intervals of the mean difference and of the ratio second / first (NaN where a first mean is 0), examples drawn again within their strata.
// Deterministic for a seed: draw i of n is (32 bits of Python's generator · n) >> 32.
struct PairedBootstrap {
  Interval difference, ratio;
};
PairedBootstrap stratified_bootstrap(std::span<const PairedStratum> strata, int replicates, std::uint64_t seed, double level = 0.95);

// Logarithm of the ratio of two perplexities, second / first, over documents that weigh differently: Σ(second − first) / Σ weight of the
// negative log-likelihoods, with its linearised (delta) standard error over the documents.
Estimate log_ratio(std::span<const double> first, std::span<const double> second, std::span<const double> weights);
// Percentile interval of the same, documents drawn again with their weights.
Interval bootstrap_log_ratio(std::span<const double> first, std::span<const double> second, std::span<const double> weights, int replicates, std::uint64_t seed,
                             double level = 0.95);

// A difference where one side or both ran several times with other calibration draws; [draw][example], examples in the same order.
// Draws and examples are crossed random effects: the variance of the mean difference is that over examples, and for each side
// max(0, MS_draws − MS_rest) / (draws · examples); degrees of freedom after Satterthwaite.
struct ReplicatedDifference {
  double difference = 0;
  Estimate over_draws{};  // these examples, calibration drawn again
  double over_both = 0;   // standard error; examples and calibration drawn again
  double draws_freedom = 0, both_freedom = 0;
};
using Draws = std::vector<std::vector<double>>;
// `over_examples` is the standard error of the mean over draws, stratified or not.
ReplicatedDifference replicated_difference(const Draws& first, const Draws& second, double over_examples);

// Degrees of freedom of a sum of independent variance estimates, each with its own, after Satterthwaite; infinite where all are 0.
double satterthwaite(std::initializer_list<std::pair<double, double>> variances_and_freedoms);

// Interval value ± t·error with the degrees of freedom; infinite freedom: normal.
Interval t_interval(double value, double standard_error, double freedom, double level = 0.95);

// Two-sided p of value / standard error; 1 where both are 0.
double normal_p(double value, double standard_error);
double t_p(double value, double standard_error, double freedom);

}  // namespace winnow
