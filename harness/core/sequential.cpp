#include "harness/core/sequential.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "harness/core/error.h"
#include "harness/core/proportions.h"

namespace winnow {
namespace {

constexpr double kFarthest = 9;  // standard deviations beyond which no density is left
constexpr double kNoError = 1e-15;
constexpr std::size_t kPanelNodes = 12;

double upper_tail(double z) { return 0.5 * std::erfc(z / std::numbers::sqrt2); }
double density(double z) { return std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi); }

struct Node {
  double place, weight;
};

// Gauss–Legendre on [-1, 1]: roots of the polynomial by Newton's method.
std::vector<Node> legendre_nodes(std::size_t count) {
  std::vector<Node> nodes;
  const double n = static_cast<double>(count);
  for (std::size_t i = 0; i < count; ++i) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (n + 0.5)), slope = 1;
    for (int step = 0; step < 20; ++step) {
      double before = 1, value = x;
      for (std::size_t k = 2; k <= count; ++k) {
        const double degree = static_cast<double>(k);
        const double next = ((2 * degree - 1) * x * value - (degree - 1) * before) / degree;
        before = value;
        value = next;
      }
      slope = n * (x * value - before) / (x * x - 1);
      x -= value / slope;
    }
    nodes.push_back({x, 2 / ((1 - x * x) * slope * slope)});
  }
  return nodes;
}

// Nodes over [-end, end] in panels no wider than `width`.
std::vector<Node> nodes_over(double end, double width) {
  static const std::vector<Node> kPanel = legendre_nodes(kPanelNodes);
  const auto panels = static_cast<std::size_t>(std::ceil(2 * end / width));
  const double half = end / static_cast<double>(panels);
  std::vector<Node> nodes;
  for (std::size_t panel = 0; panel < panels; ++panel) {
    const double center = -end + (2 * static_cast<double>(panel) + 1) * half;
    for (const Node& node : kPanel) nodes.push_back({center + half * node.place, half * node.weight});
  }
  return nodes;
}

// The score (estimate times information, a Brownian motion in the information) of runs that have not stopped yet: weights at places.
struct Survivors {
  std::vector<Node> mass;  // weight: density times quadrature weight
};

// The share that a step of this deviation takes beyond ±bound.
double crossing_share(const Survivors& survivors, double deviation, double bound) {
  double share = 0;
  for (const Node& node : survivors.mass) {
    share += node.weight * (upper_tail((bound - node.place) / deviation) + upper_tail((bound + node.place) / deviation));
  }
  return share;
}

double bound_for(const Survivors& survivors, double deviation, double error, double farthest) {
  double low = 0, high = farthest;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (crossing_share(survivors, deviation, middle) > error ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

Survivors step(const Survivors& survivors, double deviation, double end, double width) {
  Survivors next;
  next.mass = nodes_over(end, width);
  for (Node& node : next.mass) {
    double sum = 0;
    for (const Node& from : survivors.mass) sum += from.weight * density((node.place - from.place) / deviation);
    node.weight *= sum / deviation;
  }
  return next;
}

}  // namespace

double spent_error(Spending spending, double share, double error) {
  WINNOW_CHECK(share > 0 && share <= 1 && error > 0 && error < 1);
  if (spending == Spending::kPocock) return error * std::log1p((std::numbers::e - 1) * share);
  return 4 * upper_tail(normal_reach(1 - error / 2) / std::sqrt(share));
}

std::vector<double> look_boundaries(std::span<const double> information, std::span<const double> cumulative_error) {
  WINNOW_CHECK(information.size() == cumulative_error.size());
  std::vector<double> boundaries;
  Survivors survivors{{{0, 1}}};
  double before = 0, spent = 0;
  for (std::size_t look = 0; look < information.size(); ++look) {
    WINNOW_CHECK(information[look] > before && cumulative_error[look] >= spent);
    const double deviation = std::sqrt(information[look] - before), whole = std::sqrt(information[look]);
    const double error = cumulative_error[look] - spent;
    const bool may_stop = error > kNoError;
    const double bound = may_stop ? bound_for(survivors, deviation, error, 40 * whole) : kFarthest * whole;
    boundaries.push_back(may_stop ? bound / whole : std::numeric_limits<double>::infinity());
    if (look + 1 < information.size()) {
      const double next = std::sqrt(information[look + 1] - information[look]);
      survivors = step(survivors, deviation, std::min(bound, kFarthest * whole), 2 * std::min(deviation, next));
    }
    before = information[look];
    spent = may_stop ? cumulative_error[look] : spent;
  }
  return boundaries;
}

AnyTimeInterval::AnyTimeInterval(std::int64_t population, double level) : population_(static_cast<double>(population)), bound_(std::log(2 / (1 - level))) {
  WINNOW_CHECK(population > 0 && level > 0 && level < 1);
}

// λ is chosen from what came before only; ψ(λ) = (−ln(1 − λ) − λ)/4 and v = 4(x − mean before)².
void AnyTimeInterval::add(double value) {
  WINNOW_CHECK(value >= -1 && value <= 1 && static_cast<double>(count_) < population_);
  const double x = (value + 1) / 2, seen = static_cast<double>(count_), left = population_ - seen;
  const double mean_before = (0.5 + sum_) / (seen + 1), variance = (0.25 + squares_) / (seen + 1);
  const double lambda = std::min(0.5, std::sqrt(2 * bound_ / (variance * (seen + 1) * std::log(seen + 2))));
  weighed_ += lambda * (x + sum_ / left);
  weights_ += lambda * (1 + seen / left);
  spread_ += 4 * (x - mean_before) * (x - mean_before) * (-std::log1p(-lambda) - lambda) / 4;
  ++count_;
  sum_ += x;
  const double mean_now = (0.5 + sum_) / (seen + 2);
  squares_ += (x - mean_now) * (x - mean_now);
  const double center = weighed_ / weights_, reach = (bound_ + spread_) / weights_;
  // What has been drawn bounds the mean too: the rest lies between 0 and 1.
  low_ = std::max({low_, center - reach, sum_ / population_});
  high_ = std::min({high_, center + reach, (sum_ + left - 1) / population_});
  if (static_cast<double>(count_) == population_) low_ = high_ = sum_ / population_;
}

Interval AnyTimeInterval::interval() const { return {2 * std::min(low_, high_) - 1, 2 * std::max(low_, high_) - 1}; }

double AnyTimeInterval::estimate() const { return count_ == 0 ? 0 : 2 * sum_ / static_cast<double>(count_) - 1; }

}  // namespace winnow
