#include "tasks/shared/block_errors.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "harness/core/python_random.h"
#include "harness/core/statistics.h"

namespace winnow {
namespace {

using testing::ElementsAre;

TEST(BlockErrors, WindowsAreBlocksWhereThereAreEnough) {
  EXPECT_THAT(block_lengths(std::vector<std::int64_t>{5, 0, 7}, 2), ElementsAre(5, 7));
  EXPECT_THAT(block_lengths(std::vector<std::int64_t>{10}, 4), ElementsAre(2, 3, 2, 3));
  EXPECT_THAT(block_lengths(std::vector<std::int64_t>{6, 3}, 3), ElementsAre(3, 3, 3));
  EXPECT_THAT(block_lengths(std::vector<std::int64_t>{2}, 32), ElementsAre(1, 1));
}

TEST(BlockErrors, OfBlocksOfOneTokenIsTheUsualErrorOfAMean) {
  const std::vector<double> values{1, 2, 4, 9};
  EXPECT_DOUBLE_EQ(block_error_of_mean(values, std::vector<std::int64_t>{1, 1, 1, 1}), mean_standard_error(values));
  // Two blocks of sums 3 and 13 over 2 tokens each: mean 4, away −5 and 5, √(2 · 50) / 4.
  EXPECT_DOUBLE_EQ(block_error_of_mean(std::vector<double>{3, 13}, std::vector<std::int64_t>{2, 2}), 2.5);
  EXPECT_TRUE(std::isnan(block_error_of_mean(std::vector<double>{3}, std::vector<std::int64_t>{2})));
}

// A text whose windows differ: neighbours are alike.
struct Text {
  std::vector<double> values;
  std::vector<std::int64_t> lengths;
  std::vector<double> sums;
};
Text alike_within_windows(std::size_t windows) {
  std::mt19937 random(11);
  std::normal_distribution<double> of_window(0, 1), of_token(0, 0.5);
  Text text;
  for (std::size_t w = 0; w < windows; ++w) {
    const double centre = of_window(random);
    text.lengths.push_back(20 + static_cast<std::int64_t>(w % 7));
    text.sums.push_back(0);
    for (std::int64_t t = 0; t < text.lengths.back(); ++t) {
      text.values.push_back(centre + of_token(random));
      text.sums.back() += text.values.back();
    }
  }
  return text;
}

// The same statistics over drawn windows, the long way: samples are put together and sorted.
std::vector<double> bootstrap(const Text& text, int replicates, const std::function<double(std::vector<double>&)>& statistic) {
  PythonRandom random(3);
  std::vector<double> results;
  for (int replicate = 0; replicate < replicates; ++replicate) {
    std::vector<double> sample;
    for (std::size_t draw = 0; draw < text.lengths.size(); ++draw) {
      const std::size_t window = random.below(text.lengths.size());
      std::int64_t first = 0;
      for (std::size_t w = 0; w < window; ++w) first += text.lengths[w];
      sample.insert(sample.end(), text.values.begin() + first, text.values.begin() + first + text.lengths[window]);
    }
    results.push_back(statistic(sample));
  }
  return results;
}

double deviation(const std::vector<double>& values) { return mean_standard_error(values) * std::sqrt(static_cast<double>(values.size())); }

TEST(BlockErrors, OfAMeanIsWhatABootstrapOfTheWindowsGives) {
  const Text text = alike_within_windows(60);
  const double formula = block_error_of_mean(text.sums, text.lengths);
  EXPECT_NEAR(formula, deviation(bootstrap(text, 1000, [](std::vector<double>& sample) { return mean(sample); })), 0.1 * formula);
  EXPECT_GT(formula, 3 * mean_standard_error(text.values));  // as if tokens were independent
}

TEST(BlockErrors, OfQuantilesAreWhatABootstrapTheLongWayGives) {
  const Text text = alike_within_windows(60);
  const std::vector<double> probabilities{0, 0.5, 0.9, 1};
  const std::vector<double> errors = bootstrap_quantile_errors(text.values, text.lengths, probabilities, 100, 3);  // the same draws
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    EXPECT_NEAR(errors[i], deviation(bootstrap(text, 100, [&](std::vector<double>& sample) { return quantile(sample, probabilities[i]); })), 1e-12)
        << probabilities[i];
  }
  EXPECT_EQ(errors, bootstrap_quantile_errors(text.values, text.lengths, probabilities, 100, 3));
}

TEST(BlockErrors, OfEqualValuesAreNothing) {
  const std::vector<double> values(12, 0.25);
  const std::vector<double> probabilities{0.5, 1};
  EXPECT_THAT(bootstrap_quantile_errors(values, std::vector<std::int64_t>{4, 4, 4}, probabilities, 50, 1), ElementsAre(0, 0));
  EXPECT_TRUE(std::isnan(bootstrap_quantile_errors(values, std::vector<std::int64_t>{12}, probabilities, 50, 1)[0]));
}

}  // namespace
}  // namespace winnow
