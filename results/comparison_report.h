#pragma once
#include <string>
#include <utility>
#include <vector>

#include "results/comparison.h"

namespace winnow {

// Pure functions of a comparison, as of results/report.h.

enum class SubjectDetail { kHidden, kShown };

// A table of scores for each pair of sides, what the intervals are, costs, notes, and how each number was obtained.
std::string comparison_markdown(const ComparisonReport& report, SubjectDetail subjects);
// One line per score, subject and cost; numbers to the last digit.
std::string comparison_csv(const ComparisonReport& report);
std::string comparison_json(const ComparisonReport& report);

// Name of each kind of number and the sentence on how it was obtained, with the settings in it.
std::vector<std::pair<std::string, std::string>> comparison_methods(const ComparisonReport& report);

}  // namespace winnow
