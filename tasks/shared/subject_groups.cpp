#include "tasks/shared/subject_groups.h"

#include <algorithm>
#include <cmath>

#include "harness/core/error.h"
#include "harness/core/settings.h"
#include "harness/core/statistics.h"

namespace winnow {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); }

void check_asked(const std::vector<std::string>& known, const std::vector<std::string>& asked) {
  if (asked.empty()) throw input_error("\"subjects\" is an empty list; leave it out for all subjects");
  std::vector<std::string> names = known;
  for (const SubjectGroup& group : mmlu_groups()) names.push_back(group.name);
  for (const std::string& name : asked) {
    if (contains(names, name)) continue;
    throw input_error("\"subjects\": there is no subject or group '{}'{}; there are: {}", name, did_you_mean(name, names), fmt::join(names, ", "));
  }
}

}  // namespace

const std::vector<SubjectGroup>& mmlu_groups() {
  static const std::vector<SubjectGroup> groups = {
      {"stem",
       {"abstract_algebra", "anatomy", "astronomy", "college_biology", "college_chemistry", "college_computer_science", "college_mathematics",
        "college_physics", "computer_security", "conceptual_physics", "electrical_engineering", "elementary_mathematics", "high_school_biology",
        "high_school_chemistry", "high_school_computer_science", "high_school_mathematics", "high_school_physics", "high_school_statistics",
        "machine_learning"}},
      {"other",
       {"business_ethics", "clinical_knowledge", "college_medicine", "global_facts", "human_aging", "management", "marketing", "medical_genetics",
        "miscellaneous", "nutrition", "professional_accounting", "professional_medicine", "virology"}},
      {"social_sciences",
       {"econometrics", "high_school_geography", "high_school_government_and_politics", "high_school_macroeconomics", "high_school_microeconomics",
        "high_school_psychology", "human_sexuality", "professional_psychology", "public_relations", "security_studies", "sociology", "us_foreign_policy"}},
      {"humanities",
       {"formal_logic", "high_school_european_history", "high_school_us_history", "high_school_world_history", "international_law", "jurisprudence",
        "logical_fallacies", "moral_disputes", "moral_scenarios", "philosophy", "prehistory", "professional_law", "world_religions"}},
  };
  return groups;
}

std::vector<std::string> choose_subjects(const std::vector<std::string>& known, const std::optional<std::vector<std::string>>& asked) {
  WINNOW_CHECK(!known.empty());
  if (asked) check_asked(known, *asked);
  std::vector<std::string> chosen;
  const auto consider = [&](const std::string& subject, const std::string& group) {
    const bool wanted = !asked || contains(*asked, subject) || (!group.empty() && contains(*asked, group));
    if (wanted && contains(known, subject) && !contains(chosen, subject)) chosen.push_back(subject);
  };
  for (const SubjectGroup& group : mmlu_groups()) {
    for (const std::string& subject : group.subjects) consider(subject, group.name);
  }
  for (const std::string& subject : known) consider(subject, "");
  if (chosen.empty()) throw input_error("\"subjects\": the data set has none of: {}", fmt::join(*asked, ", "));
  return chosen;
}

Metric pooled_metric(const std::vector<Metric>& parts) {
  WINNOW_CHECK(!parts.empty());
  std::vector<GroupPart> group;
  Metric pooled = parts.front();
  pooled.count = 0;
  bool has_error = true;
  for (const Metric& part : parts) {
    group.push_back({part.value, part.standard_error.value_or(0), part.count});
    has_error = has_error && part.standard_error.has_value();
    pooled.count += part.count;
  }
  pooled.value = pooled_mean(group);
  pooled.standard_error = has_error ? std::optional(pooled_standard_error(group)) : std::nullopt;
  return pooled;
}

}  // namespace winnow
