#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/api/task.h"
#include "harness/core/stopping.h"

namespace winnow {

// Key of the cell of the unpruned model that a cell with "until" is compared with: the same model and task, no steps, no "until".
std::string unpruned_key(const Cell& cell);
// Its "until", where the cell has one; an unpruned model is asked everything.
std::optional<UntilSettings> until_of(const Cell& cell);

// Which examples of a task are to be asked before the next look, and whether that was enough. Grades are compared by the task's headline.
class UntilExamples {
 public:
  // `reference`: what the unpruned model answered, all of the task. Throws Error(kUnsupported) for a task that is not graded by shares, Error(kInput) where
  // the reference lacks an example.
  UntilExamples(const UntilSettings& settings, const ExampleList& list, const Task& task, std::span<const ScoredAnswer> reference);

  // The examples up to the next look, in the order of the task so that those that share prompts stay together. Nothing when no more have to be asked.
  std::optional<ExampleList> next(std::span<const ScoredAnswer> answered);

  std::size_t asked_in_all() const { return asked_; }  // up to the look that next() gave last
  const UntilJudgement& judgement() const { return judgement_; }
  std::vector<Metric> metrics() const;  // of the last judgement

 private:
  using Place = std::pair<std::string, std::int64_t>;
  std::map<Place, double> grades_of(std::span<const ScoredAnswer> answers) const;

  const ExampleList& list_;
  std::vector<Place> places_;  // of the examples
  std::optional<UntilRule> rule_;
  std::string value_, filter_;  // what the headline is the mean of
  std::map<Place, double> reference_;
  std::size_t look_ = 0, asked_ = 0;
  UntilJudgement judgement_;
};

}  // namespace winnow
