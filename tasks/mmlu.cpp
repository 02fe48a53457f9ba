#include <algorithm>
#include <map>
#include <memory>

#include "harness/api/task.h"
#include "harness/core/unicode.h"
#include "tasks/shared/aggregation.h"
#include "tasks/shared/common_settings.h"
#include "tasks/shared/documents.h"
#include "tasks/shared/few_shot.h"
#include "tasks/shared/multiple_choice.h"
#include "tasks/shared/subject_groups.h"

namespace winnow {
namespace {

const std::vector<std::string> kLetters = {"A", "B", "C", "D"};

struct Row {
  std::string question;  // as it stands in the prompt, up to "Answer:"
  std::int64_t gold;
};

std::vector<std::string> subjects_of(const std::string& dataset) {
  std::vector<std::string> subjects = Registry<Dataset>::instance().make(dataset)->subsets();
  if (subjects.empty()) throw input_error("the data set '{}' has no subjects; name one of MMLU's format", dataset);
  return subjects;
}

// lm-eval's mmlu, version 1 (groups 2): per subject a description, shots from the dev split in order, and the four letters as continuations.
class Mmlu : public Task {
 public:
  explicit Mmlu(const Params& params)
      : settings_(common_settings(params)), subjects_(choose_subjects(subjects_of(settings_.dataset), params.find<std::vector<std::string>>("subjects"))) {}

  std::vector<DatasetPart> reads() const override {
    std::vector<DatasetPart> parts;
    for (const std::string& subject : subjects_) {
      parts.push_back({settings_.dataset, settings_.split, subject});
      if (settings_.shots > 0 && settings_.split != "dev") parts.push_back({settings_.dataset, "dev", subject});
    }
    return parts;
  }

  void check(DatasetSource& datasets) const override { examples({.datasets = &datasets}).make(0); }

  ExampleList examples(const TaskInputs& inputs) const override {
    std::vector<Subject> subjects;
    std::size_t count = 0;
    std::map<std::string, std::int64_t> documents;
    for (const std::string& name : subjects_) {
      Subject subject{.name = name, .first = count};
      subject.rows = &inputs.datasets->read({settings_.dataset, settings_.split, name});
      if (settings_.shots > 0) {
        const DatasetRows& dev = inputs.datasets->read({settings_.dataset, "dev", name});
        subject.shots = first_shots(dev.rows.size(), fmt::format("{} dev {}", settings_.dataset, name), settings_.shots);
        for (const std::int64_t shot : subject.shots) {
          const Row row = read_row(dev.rows.at(static_cast<std::size_t>(shot)));
          subject.solved.push_back({row.question, kLetters.at(static_cast<std::size_t>(row.gold))});
        }
      }
      count += settings_.limited(subject.rows->rows.size());
      documents[leaf(name)] = std::ssize(subject.rows->rows);
      subjects.push_back(std::move(subject));
    }
    return {count,
            [this, subjects = std::move(subjects)](std::size_t index) {
              const auto after = std::upper_bound(subjects.begin(), subjects.end(), index, [](std::size_t i, const Subject& s) { return i < s.first; });
              return example(*std::prev(after), index - std::prev(after)->first);
            },
            documents};
  }

  std::vector<Answer> grade(const Example& example, std::span<const Response> responses) const override {
    return {grade_choices(example.record.gold.value(), responses)};
  }

  // The whole task first; then the groups all of whose subjects were asked for; then the subjects.
  std::vector<Metric> aggregate(std::span<const ScoredAnswer> answers) const override {
    if (answers.empty()) return {};
    std::map<std::string, std::vector<ScoredAnswer>> by_leaf;
    for (const ScoredAnswer& answer : answers) by_leaf[answer.leaf].push_back(answer);
    std::map<std::string, std::vector<Metric>> of_group;
    std::vector<Metric> leaves;
    for (const std::string& subject : subjects_) {  // lm-eval's order, in which its sums run
      const auto scored = by_leaf.find(leaf(subject));
      if (scored == by_leaf.end()) continue;  // a trial that was stopped early
      Metric metric = mean_metric("acc", "none", values_of(scored->second, "acc"));
      metric.leaf = leaf(subject);
      if (const std::string group = group_of(subject); !group.empty()) metric.parent = leaf(group);
      leaves.push_back(metric);
      of_group[metric.parent].push_back(metric);
    }
    WINNOW_CHECK(!leaves.empty());
    std::vector<Metric> metrics = {pooled_metric(leaves)};
    metrics.front().leaf = metrics.front().parent = "";
    for (const SubjectGroup& group : mmlu_groups()) {
      const auto parts = of_group.find(leaf(group.name));
      if (parts == of_group.end() || parts->second.size() != group.subjects.size()) continue;
      metrics.push_back(pooled_metric(parts->second));
      metrics.back().leaf = leaf(group.name);
      metrics.back().parent = settings_.dataset;
    }
    metrics.insert(metrics.end(), leaves.begin(), leaves.end());
    metrics.push_back(count_metric("ties", "tied", answers));
    metrics.push_back(count_metric("prompts_truncated", "prompt_truncated", answers));
    return metrics;
  }

 private:
  struct Subject {
    std::string name;
    std::size_t first = 0;  // index of its first example
    const DatasetRows* rows = nullptr;
    Shots shots = {};
    std::vector<SolvedExample> solved = {};
  };

  std::string leaf(const std::string& name) const { return fmt::format("{}_{}", settings_.dataset, name); }

  static std::string group_of(const std::string& subject) {
    for (const SubjectGroup& group : mmlu_groups()) {
      if (std::find(group.subjects.begin(), group.subjects.end(), subject) != group.subjects.end()) return group.name;
    }
    return "";
  }

  Row read_row(const OrderedJson& row) const {
    std::string question(strip(text_of(row, "question", settings_.dataset)));
    if (!row.contains("choices") || !row["choices"].is_array() || row["choices"].size() != kLetters.size() || !row.contains("answer")) {
      throw input_error("data set {}: its rows have no four \"choices\" and \"answer\", which mmlu reads; name a data set of the same format",
                        settings_.dataset);
    }
    for (std::size_t i = 0; i < kLetters.size(); ++i) question += fmt::format("\n{}. {}", kLetters[i], row["choices"][i].get_ref<const std::string&>());
    return {question + "\nAnswer:", row["answer"].get<std::int64_t>()};
  }

  Example example(const Subject& subject, std::size_t doc_id) const {
    const Row row = read_row(subject.rows->rows.at(doc_id));
    std::string words = subject.name;
    std::replace(words.begin(), words.end(), '_', ' ');
    const std::string description = fmt::format("The following are multiple choice questions (with answers) about {}.\n\n", words);
    Example example;
    example.record = record_of(leaf(subject.name), *subject.rows, doc_id, std::to_string(row.gold), row.gold);
    example.group = subject.name;
    example.shots = subject.shots;
    example.requests = choice_requests(std::vector{assemble_prompt(description, subject.solved, row.question)}, kLetters);
    return example;
  }

  CommonSettings settings_;
  std::vector<std::string> subjects_;
};

const Registration<Task> kRegistration{
    {.name = "mmlu",
     .version = 1,
     .summary = "MMLU's four-choice questions in 57 subjects and four groups, 0 shots (acc)",
     .settings = with_common_settings({.shots = 0, .split = "test", .dataset = "mmlu", .profiles = {kProfileHead, kProfile0491, kProfile2023December}},
                                      {{.name = "subjects",
                                        .types = {SettingType::kStringList},
                                        .summary = "subjects, or groups of them (stem, other, social_sciences, humanities); all unless given"}}),
     .make = [](const Params& params) -> std::unique_ptr<Task> { return std::make_unique<Mmlu>(params); }}};

}  // namespace
}  // namespace winnow
