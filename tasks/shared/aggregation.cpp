#include "tasks/shared/aggregation.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "harness/core/error.h"
#include "harness/core/statistics.h"

namespace winnow {

std::vector<double> values_of(std::span<const ScoredAnswer> answers, std::string_view value, std::string_view filter) {
  std::vector<const ScoredAnswer*> chosen;
  for (const ScoredAnswer& answer : answers) {
    if (answer.filter == filter) chosen.push_back(&answer);
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const ScoredAnswer* a, const ScoredAnswer* b) { return std::tie(a->leaf, a->doc_id) < std::tie(b->leaf, b->doc_id); });
  std::vector<double> values;
  for (const ScoredAnswer* answer : chosen) {
    const auto position = answer->values.find(std::string(value));
    WINNOW_CHECK(position != answer->values.end());
    values.push_back(position->second);
  }
  return values;
}

Metric mean_metric(std::string name, std::string filter, std::span<const double> values) {
  WINNOW_CHECK(!values.empty());
  Metric metric;
  metric.name = std::move(name);
  metric.filter = std::move(filter);
  metric.value = mean(values);
  if (const double error = mean_standard_error(values); std::isfinite(error)) metric.standard_error = error;
  metric.unit = "share";
  metric.higher_is_better = true;
  metric.count = static_cast<std::int64_t>(values.size());
  return metric;
}

Metric unweighted_metric(std::span<const Metric> parts) {
  WINNOW_CHECK(!parts.empty());
  Metric whole = parts.front();
  double sum = 0, variance = 0;
  whole.count = 0;
  bool has_error = true;
  for (const Metric& part : parts) {
    sum += part.value;
    has_error = has_error && part.standard_error.has_value();
    variance += std::pow(part.standard_error.value_or(0), 2);
    whole.count += part.count;
  }
  const auto size = static_cast<double>(parts.size());
  whole.value = sum / size;
  whole.standard_error = has_error ? std::optional(std::sqrt(variance) / size) : std::nullopt;
  return whole;
}

Metric count_metric(std::string name, std::string_view value, std::span<const ScoredAnswer> answers) {
  WINNOW_CHECK(!answers.empty());
  const std::vector<double> values = values_of(answers, value, answers.front().filter);
  Metric metric;
  metric.name = std::move(name);
  metric.value = static_cast<double>(std::count_if(values.begin(), values.end(), [](double v) { return v > 0; }));
  metric.unit = "examples";
  metric.higher_is_better = false;
  metric.count = static_cast<std::int64_t>(values.size());
  return metric;
}

}  // namespace winnow
