#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/digest.h"
#include "results/store.h"
#include "tests/results/sample_trials.h"

namespace winnow::test {

// What a variant got right (1) and wrong (0), by leaf.
using Grades = std::map<std::string, std::vector<int>>;

// A trial of right-or-wrong answers to add to a store.
struct GradedTrial {
  std::string variant;
  Grades grades;
  std::string task = "gsm8k";
  std::string model = "tiny";
  std::string prompt = "Q";        // the beginning of every prompt
  Json settings = {{"shots", 5}};  // of the task, in the cell's identity
  std::vector<Metric> more = {};   // beside the headline
  std::string metric = "acc";
  std::string label = {};  // of the task in reports; empty: its name
  std::optional<double> standard_error = {};
  Json served = {};  // of a model behind an endpoint: what its server says of itself
};

inline Cell cell_of(const GradedTrial& trial) {
  Cell cell = make_cell(trial.model, trial.variant, trial.task);
  if (!trial.label.empty()) cell.task_label = trial.label;
  const Json steps = trial.variant == "dense" ? Json::array() : Json::array({trial.variant});
  cell.identity = {{"model", {{"content_sha256", trial.model}, {"dtype", "f32"}, {"device", "cpu"}}},
                   {"steps", steps},
                   {"task", {{"task", trial.task}, {"version", 1}, {"settings", trial.settings}}}};
  if (!trial.served.is_null()) cell.identity["model"] = {{"served", trial.served}};
  cell.key = sha256_hex(canonical_json(cell.identity));
  return cell;
}

inline void add_trial(Store& store, const GradedTrial& trial) {
  const auto open = store.begin(cell_of(trial), {{"commit", "abc"}});
  std::vector<RecordedAnswer> answers;
  double right = 0, count = 0;
  for (const auto& [leaf, grades] : trial.grades) {
    for (std::size_t i = 0; i < grades.size(); ++i) {
      RecordedAnswer answer;
      const std::string document = leaf + std::to_string(i);
      answer.example = {leaf, sha256_hex("data"), static_cast<std::int64_t>(i), "{}", sha256_hex(document), "1", 1};
      answer.prompt = trial.prompt + document;
      answer.arguments = {" A", " B"};
      answer.log_likelihoods = {-1.0, -2.0};
      answer.greedy = {true, false};
      answer.answers = {{"none", "", {{trial.metric, static_cast<double>(grades[i])}}}};
      answers.push_back(std::move(answer));
      right += grades[i];
      ++count;
    }
  }
  store.append(open.id, answers, {});
  TrialEnd end;
  end.metrics.push_back(
      {.name = trial.metric, .value = right / count, .standard_error = trial.standard_error, .unit = "share", .count = static_cast<std::int64_t>(count)});
  end.metrics.insert(end.metrics.end(), trial.more.begin(), trial.more.end());
  store.finish(open.id, end);
}

// Two lists of grades with so many of each kind of pair, in a fixed order.
inline std::pair<std::vector<int>, std::vector<int>> paired_grades(int both, int only_first, int only_second, int neither) {
  std::vector<int> first, second;
  const auto add = [&](int count, int before, int after) {
    first.insert(first.end(), static_cast<std::size_t>(count), before);
    second.insert(second.end(), static_cast<std::size_t>(count), after);
  };
  add(both, 1, 1);
  add(only_first, 1, 0);
  add(only_second, 0, 1);
  add(neither, 0, 0);
  return {first, second};
}

}  // namespace winnow::test
