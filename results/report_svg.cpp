#include <algorithm>
#include <cmath>

#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "results/report.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

constexpr double kWidth = 860, kHeight = 460, kLeft = 70, kRight = 660, kTop = 50, kBottom = 400;
constexpr double kLabelHeight = 12, kMebi = 1024.0 * 1024.0, kGibi = 1024 * kMebi;
constexpr std::size_t kNameWidth = 50;  // characters of a foreign name
constexpr double kNormalQuantile = 1.959963984540054;

enum class Removed { kNothing, kExperts, kWeights, kBoth };
struct Series {
  const char *name, *colour;
};
constexpr Series kSeries[] = {
    {"whole", "#222222"}, {"experts removed", "#1769aa"}, {"weights masked", "#c2570c"}, {"experts removed, then weights masked", "#2e7d32"}};

struct Point {
  std::string label;
  Removed removed = Removed::kNothing;
  double bytes = 0, score = 0, half_interval = 0;
  std::optional<double> packed_bytes;  // were masked matrices kept as a bitmap and the weights that stay
};

// Of all good trials of the row, the first that has the metric.
const Metric* of_row(const Leaderboard& board, const LeaderboardRow& row, std::string_view name, std::string_view leaf = "") {
  for (const Trial& trial : board.trials) {
    if (trial.cell.model != row.model || trial.cell.variant != row.variant || trial.status != TrialStatus::kOk) continue;
    if (const Metric* metric = find_metric(trial, name, leaf)) return metric;
  }
  return nullptr;
}

double value_or_none(const Metric* metric) { return metric == nullptr ? 0 : metric->value; }

std::optional<Point> point_of(const Leaderboard& board, const LeaderboardRow& row, std::size_t task, bool names_models) {
  const auto& headline = row.cells[task].headline;
  const Metric* stored = measured_size(board.trials, row.model, row.variant, "stored_bytes");
  if (stored == nullptr) stored = of_row(board, row, "stored_bytes");
  if (!headline || stored == nullptr || !std::isfinite(headline->value) || !std::isfinite(stored->value)) return std::nullopt;
  Point point{.label = one_line(names_models ? row.model + " " + row.variant : row.variant, kNameWidth), .bytes = stored->value, .score = headline->value};
  if (headline->standard_error && std::isfinite(*headline->standard_error)) point.half_interval = kNormalQuantile * *headline->standard_error;
  const bool experts = value_or_none(of_row(board, row, "expert_sparsity")) > 0, weights = value_or_none(of_row(board, row, "masked_matrices")) > 0;
  point.removed = experts ? weights ? Removed::kBoth : Removed::kExperts : weights ? Removed::kWeights : Removed::kNothing;
  if (const Metric* zeros = of_row(board, row, "zero_share", "linears"); weights && zeros != nullptr) {
    const double linear_bytes = 2 * static_cast<double>(zeros->count);  // of 16-bit weights: a bit each, and those that stay
    point.packed_bytes = point.bytes - linear_bytes * zeros->value + linear_bytes / 16;
  }
  return point;
}

std::string text_at(double x, double y, std::string_view text, std::string_view more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\"{}{}>{}</text>\n", x, y, more.empty() ? "" : " ", more, xml_text(text));
}

// Multiples of 1, 2 or 5 times a power of ten, about five of them; none where the range is too small beside its ends, or no number.
std::vector<double> ticks(double low, double high) {
  constexpr int kMost = 12;
  const double range = high - low, power = std::pow(10, std::floor(std::log10(range / 5))), times = range / 5 / power;
  const double step = power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10), first = std::ceil(low / step);
  std::vector<double> places;
  for (int i = 0; i < kMost && (first + i) * step <= high + 1e-6 * step; ++i) places.push_back((first + i) * step);
  return places;
}

class Chart {
 public:
  Chart(std::vector<Point> points, Metric score, std::string task) : points_(std::move(points)), score_(std::move(score)), task_(std::move(task)) {
    low_ = points_.front().score;
    high_ = low_;
    for (const Point& point : points_) {
      most_bytes_ = std::max(most_bytes_, point.bytes);
      low_ = std::min(low_, point.score - point.half_interval);
      high_ = std::max(high_, point.score + point.half_interval);
    }
    if (score_.unit == "share") low_ = std::min(low_, 0.0);
    if (high_ == low_) high_ = low_ + std::max(1.0, 1e-9 * std::abs(low_));
    most_bytes_ = 1.05 * std::max(1.0, most_bytes_);
  }

  std::string draw() const {
    std::string svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" font-family=\"sans-serif\" font-size=\"11\">\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        kWidth, kHeight);
    svg += axes();
    for (const Point& point : points_) svg += mark(point);
    return svg + labels() + legend() + "</svg>\n";
  }

 private:
  double x(double bytes) const { return kLeft + (kRight - kLeft) * bytes / most_bytes_; }
  double y(double score) const { return kBottom - (kBottom - kTop) * (score - low_) / (high_ - low_); }
  static const Series& series_of(const Point& point) { return kSeries[static_cast<std::size_t>(point.removed)]; }

  std::string axes() const {
    std::string svg = fmt::format("<path d=\"M{0} {1}V{2}H{3}\" fill=\"none\" stroke=\"#888888\"/>\n", kLeft, kTop, kBottom, kRight);
    const double unit = most_bytes_ < kGibi ? kMebi : kGibi;
    for (const double at : ticks(0, most_bytes_ / unit)) svg += text_at(x(at * unit), kBottom + 16, shown_number(at * unit, "bytes"), "text-anchor=\"middle\"");
    for (const double tick : ticks(low_, high_)) {
      const double at = tick + 0.0;  // no "-0"
      svg += text_at(kLeft - 6, y(at) + 4, fmt::format("{:.4g}", at), "text-anchor=\"end\"");
      svg += fmt::format("<path d=\"M{0} {1:.1f}H{2}\" stroke=\"#eeeeee\"/>\n", kLeft, y(at), kRight);
    }
    svg += text_at((kLeft + kRight) / 2, kBottom + 38, "weights as stored in the format executed; hollow: what a bitmap of the masked weights would take",
                   "text-anchor=\"middle\"");
    return svg +
           text_at(kLeft, kTop - 24,
                   fmt::format("{}: {} against stored size, n = {}, bars: 95 %", one_line(task_, kNameWidth), one_line(score_.name, kNameWidth), score_.count),
                   "font-size=\"14\"");
  }

  std::string mark(const Point& point) const {
    const char* colour = series_of(point).colour;
    std::string svg;
    if (point.half_interval > 0)
      svg += fmt::format("<path d=\"M{:.1f} {:.1f}V{:.1f}\" stroke=\"{}\" stroke-opacity=\"0.4\"/>\n", x(point.bytes), y(point.score - point.half_interval),
                         y(point.score + point.half_interval), colour);
    if (point.packed_bytes) {
      svg += fmt::format("<path d=\"M{:.1f} {:.1f}H{:.1f}\" stroke=\"{}\" stroke-dasharray=\"2 3\"/>\n", x(*point.packed_bytes), y(point.score), x(point.bytes),
                         colour);
      svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"#ffffff\" stroke=\"{}\"/>\n", x(*point.packed_bytes), y(point.score), colour);
    }
    return svg + fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\"/>\n", x(point.bytes), y(point.score), colour);
  }

  // All in one column at the right, by score, none over another, each with a line to its point.
  std::string labels() const {
    std::vector<const Point*> order;
    for (const Point& point : points_) order.push_back(&point);
    std::ranges::stable_sort(order, {}, [&](const Point* point) { return y(point->score); });
    double free = kTop - kLabelHeight;
    std::vector<double> places;
    for (const Point* point : order) places.push_back(free = std::max(y(point->score), free + kLabelHeight));
    for (std::size_t i = places.size(), limit = 0; i-- > 0; ++limit) places[i] = std::min(places[i], kBottom + 40 - kLabelHeight * static_cast<double>(limit));
    std::string svg;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const char* colour = series_of(*order[i]).colour;
      svg += fmt::format("<path d=\"M{:.1f} {:.1f}L{} {:.1f}\" stroke=\"{}\" stroke-opacity=\"0.25\"/>\n", x(order[i]->bytes) + 4, y(order[i]->score),
                         kRight + 12, places[i], colour);
      svg += text_at(kRight + 16, places[i] + 4, fmt::format("{} {}", order[i]->label, shown_number(order[i]->score, score_.unit)),
                     fmt::format("fill=\"{}\"", colour));
    }
    return svg;
  }

  std::string legend() const {
    std::string svg;
    double at = kLeft;
    for (const Series& series : kSeries) {
      if (std::ranges::none_of(points_, [&](const Point& point) { return &series_of(point) == &series; })) continue;
      svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{}\" r=\"4\" fill=\"{}\"/>\n", at, kTop - 10, series.colour) + text_at(at + 8, kTop - 6, series.name);
      at += 24 + 6.0 * static_cast<double>(std::string_view(series.name).size());
    }
    return svg;
  }

  std::vector<Point> points_;
  Metric score_;
  std::string task_;
  double low_ = 0, high_ = 0, most_bytes_ = 0;
};

}  // namespace

std::string report_svg(const Leaderboard& board, const std::string& task) {
  const auto wanted = [&](std::size_t at) {
    const auto has_headline = [&](const LeaderboardRow& row) { return row.cells[at].headline.has_value(); };
    return (task.empty() || board.tasks[at] == task) && std::ranges::any_of(board.rows, has_headline);
  };
  for (std::size_t at = 0; at < board.tasks.size(); ++at) {
    if (!wanted(at)) continue;
    const bool names_models = std::ranges::any_of(board.rows, [&](const LeaderboardRow& row) { return row.model != board.rows.front().model; });
    std::vector<Point> points;
    std::optional<Metric> score;
    for (const LeaderboardRow& row : board.rows) {
      if (const std::optional<Point> point = point_of(board, row, at, names_models)) {
        points.push_back(*point);
        if (!score) score = row.cells[at].headline;
      }
    }
    if (points.empty())
      throw input_error("task {}: no row has both a score and \"stored_bytes\"; add {{\"task\": \"footprint\"}} to the sweep and run it again",
                        board.tasks[at]);
    return Chart(std::move(points), *score, board.tasks[at]).draw();
  }
  throw input_error("no row has a score of task '{}'; the stores hold: {}", task, fmt::join(board.tasks, ", "));
}

}  // namespace winnow
