#pragma once
#include <optional>
#include <string>
#include <vector>

#include "harness/core/trial.h"

namespace winnow {

struct SubjectGroup {
  std::string name;
  std::vector<std::string> subjects;
};

// lm-eval's four groups of MMLU's 57 subjects, in its order.
const std::vector<SubjectGroup>& mmlu_groups();

// The chosen subjects in lm-eval's order, then those of `known` that no group has. `asked` holds subjects and group names; absent means all.
// Throws Error(kInput) for an unknown name, with the nearest known one, for an empty list, and where `known` is empty.
std::vector<std::string> choose_subjects(const std::vector<std::string>& known, const std::optional<std::vector<std::string>>& asked);

// Size-weighted mean of metrics with the pooled standard error; absent where a part has none.
Metric pooled_metric(const std::vector<Metric>& parts);

}  // namespace winnow
