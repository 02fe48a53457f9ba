#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/trial.h"

namespace winnow {

// One value of the answers under a filter, in the order of their documents whatever the order they were saved in: sums end in the same last digit.
std::vector<double> values_of(std::span<const ScoredAnswer> answers, std::string_view value, std::string_view filter = "none");

// Their mean with lm-eval's standard error, as a share; higher is better.
Metric mean_metric(std::string name, std::string filter, std::span<const double> values);

// Plain mean of metrics with its standard error √(Σ se²) / k, absent where a part has none; the count is the sum of theirs.
Metric unweighted_metric(std::span<const Metric> parts);

// How many answers of the first filter have a value above zero; unit "examples".
Metric count_metric(std::string name, std::string_view value, std::span<const ScoredAnswer> answers);

}  // namespace winnow
