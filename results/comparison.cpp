#include "results/comparison.h"

#include <algorithm>
#include <map>
#include <vector>

namespace winnow {
namespace {

constexpr int kReplicates = 2000;
constexpr std::uint64_t kSeed = 1234;

using Grades = std::map<std::pair<std::string, std::int64_t>, double>;

Grades grades_of(std::span<const ScoredAnswer> answers, const std::string& filter, const std::string& value) {
  Grades grades;
  for (const ScoredAnswer& answer : answers) {
    const auto found = answer.values.find(value);
    if (answer.filter == filter && found != answer.values.end()) grades.emplace(std::pair(answer.leaf, answer.doc_id), found->second);
  }
  return grades;
}

bool are_right_or_wrong(const std::vector<double>& values) {
  return std::ranges::all_of(values, [](double value) { return value == 0 || value == 1; });
}

}  // namespace

Comparison compare_answers(std::span<const ScoredAnswer> first, std::span<const ScoredAnswer> second, const std::string& filter, const std::string& value) {
  const Grades first_grades = grades_of(first, filter, value), second_grades = grades_of(second, filter, value);
  Comparison comparison;
  std::vector<double> before, after;
  for (const auto& [example, grade] : first_grades) {
    const auto other = second_grades.find(example);
    if (other == second_grades.end()) continue;
    before.push_back(grade);
    after.push_back(other->second);
    comparison.only_first_right += grade == 1 && other->second == 0;
    comparison.only_second_right += grade == 0 && other->second == 1;
  }
  comparison.pairs = static_cast<std::int64_t>(before.size());
  comparison.only_first = static_cast<std::int64_t>(first_grades.size()) - comparison.pairs;
  comparison.only_second = static_cast<std::int64_t>(second_grades.size()) - comparison.pairs;
  if (before.empty()) return comparison;
  comparison.mean = paired_difference(after, before);
  comparison.bootstrap = paired_bootstrap(after, before, kReplicates, kSeed);
  if (are_right_or_wrong(before) && are_right_or_wrong(after)) comparison.mcnemar_p = mcnemar_exact(comparison.only_first_right, comparison.only_second_right);
  return comparison;
}

}  // namespace winnow
