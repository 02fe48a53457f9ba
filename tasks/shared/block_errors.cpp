#include "tasks/shared/block_errors.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/core/error.h"
#include "harness/core/python_random.h"
#include "harness/core/statistics.h"

namespace winnow {
namespace {

// Quantiles of a sample in which the i-th of the sorted values stands `copies` times, in one pass for all probabilities.
class QuantilePass {
 public:
  QuantilePass(std::span<const double> probabilities, std::int64_t count) : count_(count) {
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
      const double place = probabilities[i] * static_cast<double>(count - 1);
      const auto below = static_cast<std::int64_t>(place);
      wanted_.push_back({below, i, 1 - (place - static_cast<double>(below))});
      wanted_.push_back({std::min(below + 1, count - 1), i, place - static_cast<double>(below)});
    }
    std::ranges::sort(wanted_, {}, &Wanted::rank);
    quantiles_.assign(probabilities.size(), 0);
  }
  void add(double value, std::int64_t copies) {
    passed_ += copies;
    for (; next_ < wanted_.size() && wanted_[next_].rank < passed_; ++next_) quantiles_[wanted_[next_].quantile] += wanted_[next_].share * value;
  }
  bool done() const { return next_ == wanted_.size(); }
  const std::vector<double>& quantiles() const { return quantiles_; }

 private:
  struct Wanted {
    std::int64_t rank;  // from 0
    std::size_t quantile;
    double share;
  };
  std::int64_t count_, passed_ = 0;
  std::size_t next_ = 0;
  std::vector<Wanted> wanted_;
  std::vector<double> quantiles_;
};

}  // namespace

std::vector<std::int64_t> block_lengths(std::span<const std::int64_t> tokens_of_window, std::int64_t least) {
  const std::int64_t tokens = std::accumulate(tokens_of_window.begin(), tokens_of_window.end(), std::int64_t{0});
  const bool whole = std::ssize(tokens_of_window) >= least;
  std::vector<std::int64_t> lengths;
  for (const std::int64_t window : tokens_of_window) {
    if (window <= 0) continue;
    const std::int64_t parts = whole ? 1 : std::clamp<std::int64_t>((window * least + tokens - 1) / tokens, 1, window);
    for (std::int64_t part = 0; part < parts; ++part) lengths.push_back(window * (part + 1) / parts - window * part / parts);
  }
  return lengths;
}

double block_error_of_mean(std::span<const double> sums, std::span<const std::int64_t> lengths) {
  WINNOW_CHECK(sums.size() == lengths.size());
  if (sums.size() < 2) return kNoNumber;
  const double count = static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0})), blocks = static_cast<double>(sums.size());
  const double mean = std::accumulate(sums.begin(), sums.end(), 0.0) / count;
  double squares = 0;
  for (std::size_t b = 0; b < sums.size(); ++b) {
    const double away = sums[b] - mean * static_cast<double>(lengths[b]);
    squares += away * away;
  }
  return std::sqrt(blocks / (blocks - 1) * squares) / count;
}

std::vector<double> bootstrap_quantile_errors(std::span<const double> values, std::span<const std::int64_t> lengths, std::span<const double> probabilities,
                                              int replicates, std::uint64_t seed) {
  std::vector<double> errors(probabilities.size(), kNoNumber);
  if (lengths.size() < 2 || replicates < 2) return errors;
  std::vector<std::uint32_t> order(values.size()), block_of(values.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order, {}, [&](std::uint32_t i) { return values[i]; });
  std::size_t token = 0;
  for (std::size_t block = 0; block < lengths.size(); ++block) {
    for (std::int64_t i = 0; i < lengths[block]; ++i) block_of.at(token++) = static_cast<std::uint32_t>(block);
  }
  WINNOW_CHECK(token == values.size());
  PythonRandom random(seed);
  std::vector<double> sums(probabilities.size(), 0), squares(probabilities.size(), 0), first;
  for (int replicate = 0; replicate < replicates; ++replicate) {
    std::vector<std::int32_t> copies(lengths.size(), 0);
    std::int64_t count = 0;
    for (std::size_t draw = 0; draw < lengths.size(); ++draw) {
      const std::size_t block = random.below(lengths.size());
      ++copies[block];
      count += lengths[block];
    }
    QuantilePass pass(probabilities, count);
    for (std::size_t i = 0; i < order.size() && !pass.done(); ++i) pass.add(values[order[i]], copies[block_of[order[i]]]);
    if (replicate == 0) first = pass.quantiles();
    for (std::size_t q = 0; q < sums.size(); ++q) {  // about the first replicate's, so that little cancels
      const double away = pass.quantiles()[q] - first[q];
      sums[q] += away;
      squares[q] += away * away;
    }
  }
  for (std::size_t q = 0; q < sums.size(); ++q) errors[q] = std::sqrt(std::max(0.0, (squares[q] - sums[q] * sums[q] / replicates) / (replicates - 1)));
  return errors;
}

}  // namespace winnow
