#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "results/comparison.h"
#include "results/sides.h"
#include "results/store.h"

namespace winnow {

// The newest trials of several stores, found by what reports call them, and their outcomes.
class TrialShelf {
 public:
  explicit TrialShelf(std::span<Store> stores);

  const std::set<ModelVariant>& known() const { return known_; }    // with a trial, good or not
  const std::vector<std::string>& tasks() const { return tasks_; }  // labels, in the order of the trials
  const std::vector<StoredTrial>& trials() const { return trials_; }

  // The good trial a report shows; null where there is none. With `like` one of the same task identity is preferred, such as the same limit.
  const StoredTrial* find(const std::string& model, const std::string& variant, const std::string& task_label, const StoredTrial* like = nullptr) const;
  // The newest trial whatever its end, to say why there is no good one.
  const StoredTrial* find_any(const std::string& model, const std::string& variant, const std::string& task_label) const;
  // All good trials of the same model, plan and task, the given one included: other stores, other devices and engine versions.
  std::vector<const StoredTrial*> same_cell(const StoredTrial& trial) const;

  std::shared_ptr<const std::vector<Outcome>> outcomes(const StoredTrial& trial, const std::string& filter);

 private:
  std::span<Store> stores_;
  std::vector<StoredTrial> trials_;
  std::set<ModelVariant> known_;
  std::vector<std::string> tasks_;
  std::map<std::string, std::vector<std::size_t>> by_place_free_;  // of trials_: identities but for where they ran, as text
  std::map<std::tuple<std::size_t, std::int64_t, std::string>, std::weak_ptr<const std::vector<Outcome>>> read_;
};

// The metric that is compared: the headline, or the one named.
struct MetricChoice {
  std::string name, filter;  // empty filter: any
};
// Null where the trial has none of that name.
const Metric* choose_metric(const Trial& trial, const std::optional<MetricChoice>& choice);

// A side's trials of a task: one per draw; empty where there is none.
std::vector<const StoredTrial*> trials_of(const TrialShelf& shelf, const Side& side, const std::string& task_label, const StoredTrial* like = nullptr);

struct ComparisonRequest {
  std::string first, second;
  std::vector<std::string> tasks;  // labels or registered names; empty: all
  std::optional<MetricChoice> metric;
  ComparisonSettings settings;
};

// Everything `winnow compare` says. Throws Error(kUsage) for names nobody has, Error(kInput) where the two were not asked the same.
ComparisonReport compare_stores(std::span<Store> stores, const ComparisonRequest& request);

}  // namespace winnow
