#include "harness/sweep/until_examples.h"

#include <algorithm>

#include "harness/core/digest.h"

namespace winnow {
namespace {

const Json* until_json(const Cell& cell) {
  if (!cell.identity.is_object() || !cell.identity.contains("task") || !cell.identity["task"].contains("settings")) return nullptr;
  const Json& settings = cell.identity["task"]["settings"];
  return settings.contains("until") ? &settings["until"] : nullptr;
}

Metric measured(const char* name, double value, const char* unit, const UntilJudgement& judgement) {
  Metric metric;
  metric.name = name;
  metric.value = value;
  metric.unit = unit;
  metric.count = judgement.examples;
  return metric;
}

}  // namespace

std::string unpruned_key(const Cell& cell) {
  Json identity = cell.identity;
  identity["steps"] = Json::array();
  identity["task"]["settings"].erase("until");
  return sha256_hex(canonical_json(identity));
}

std::optional<UntilSettings> until_of(const Cell& cell) {
  const Json* given = until_json(cell);
  if (given == nullptr) return std::nullopt;
  return until_settings(*given);
}

UntilExamples::UntilExamples(const UntilSettings& settings, const ExampleList& list, const Task& task, std::span<const ScoredAnswer> reference) : list_(list) {
  const std::vector<Metric> metrics = reference.empty() ? std::vector<Metric>{} : task.aggregate(reference);
  if (metrics.empty()) {
    throw input_error(
        "\"until\" compares with the unpruned model, which has no good result for this task in this store; add the variant {{\"label\": \"dense\", \"steps\": "
        "[]}}, or see why its cell failed");
  }
  if (metrics.front().unit != "share")
    throw unsupported_error("\"until\" needs a task whose headline is a share of right answers; this one has {}", metrics.front().name);
  value_ = metrics.front().name;
  filter_ = metrics.front().filter;
  reference_ = grades_of(reference);
  std::vector<std::string> strata;
  for (std::size_t i = 0; i < list.count; ++i) {
    const ExampleRecord record = list.make(i).record;
    if (!reference_.contains({record.leaf, record.doc_id})) {
      throw input_error("\"until\": the unpruned model was not asked {} document {}; run it with the same limit", record.leaf, record.doc_id);
    }
    places_.emplace_back(record.leaf, record.doc_id);
    strata.push_back(record.leaf);
  }
  rule_.emplace(settings, strata);
}

std::map<UntilExamples::Place, double> UntilExamples::grades_of(std::span<const ScoredAnswer> answers) const {
  std::map<Place, double> grades;
  for (const ScoredAnswer& answer : answers) {
    if (const auto value = answer.values.find(value_); answer.filter == filter_ && value != answer.values.end())
      grades[{answer.leaf, answer.doc_id}] = value->second;
  }
  return grades;
}

std::optional<ExampleList> UntilExamples::next(std::span<const ScoredAnswer> answered) {
  const std::map<Place, double> grades = grades_of(answered);
  for (; look_ < rule_->looks().size(); ++look_) {
    asked_ = rule_->looks()[look_];
    std::vector<std::size_t> missing;
    std::vector<double> differences;
    for (std::size_t i = 0; i < asked_; ++i) {
      const std::size_t example = rule_->order()[i];
      const auto found = grades.find(places_[example]);
      if (found == grades.end())
        missing.push_back(example);
      else
        differences.push_back(found->second - reference_.at(places_[example]));
    }
    if (!missing.empty()) {
      std::ranges::sort(missing);
      const std::size_t count = missing.size();
      return ExampleList{count, [this, missing = std::move(missing)](std::size_t i) { return list_.make(missing.at(i)); }};
    }
    judgement_ = rule_->judge(differences);
    if (judgement_.stops) return std::nullopt;
  }
  return std::nullopt;
}

std::vector<Metric> UntilExamples::metrics() const {
  std::vector<Metric> metrics = {measured("difference_from_unpruned", judgement_.difference, "share", judgement_),
                                 measured("difference_from_unpruned_low", judgement_.interval.low, "share", judgement_),
                                 measured("difference_from_unpruned_high", judgement_.interval.high, "share", judgement_),
                                 measured("examples_in_task", static_cast<double>(judgement_.population), "examples", judgement_)};
  return metrics;
}

}  // namespace winnow
