#include <algorithm>
#include <tuple>

#include "harness/core/json.h"
#include "results/compare_stores.h"

namespace winnow {
namespace {

bool is_good(const StoredTrial& stored) { return stored.trial.status == TrialStatus::kOk; }

// What a cell is but for where it ran.
std::string place_free(Json identity) {
  if (identity.is_object() && identity.contains("model") && identity["model"].is_object()) {
    identity["model"].erase("device");
    identity["model"].erase("engine");
  }
  return canonical_json(identity);
}

}  // namespace

TrialShelf::TrialShelf(std::span<Store> stores) : stores_(stores) {
  for (std::size_t store = 0; store < stores.size(); ++store) {
    for (Trial& trial : stores[store].latest()) {
      known_.emplace(trial.cell.model, trial.cell.variant);
      if (std::ranges::find(tasks_, trial.cell.task_label) == tasks_.end()) tasks_.push_back(trial.cell.task_label);
      if (trial.status == TrialStatus::kOk) by_place_free_[place_free(trial.cell.identity)].push_back(trials_.size());
      trials_.push_back({store, std::move(trial)});
    }
  }
}

const StoredTrial* TrialShelf::find(const std::string& model, const std::string& variant, const std::string& task_label, const StoredTrial* like) const {
  const StoredTrial* found = nullptr;
  bool is_alike = false;
  for (const StoredTrial& stored : trials_) {  // the later counts
    const Cell& cell = stored.trial.cell;
    if (cell.model != model || cell.variant != variant || cell.task_label != task_label || !is_good(stored)) continue;
    const bool alike = like != nullptr && member_in(cell.identity, "task") == member_in(like->trial.cell.identity, "task");
    if (found != nullptr && is_alike && !alike) continue;
    found = &stored;
    is_alike = alike;
  }
  return found;
}

const StoredTrial* TrialShelf::find_any(const std::string& model, const std::string& variant, const std::string& task_label) const {
  const StoredTrial* found = nullptr;
  for (const StoredTrial& stored : trials_) {
    const Cell& cell = stored.trial.cell;
    if (cell.model == model && cell.variant == variant && cell.task_label == task_label) found = &stored;
  }
  return found;
}

std::vector<const StoredTrial*> TrialShelf::same_cell(const StoredTrial& trial) const {
  std::vector<const StoredTrial*> found;
  const auto same = by_place_free_.find(place_free(trial.trial.cell.identity));
  if (same == by_place_free_.end()) return found;
  for (const std::size_t place : same->second) found.push_back(&trials_[place]);
  return found;
}

std::shared_ptr<const std::vector<Outcome>> TrialShelf::outcomes(const StoredTrial& trial, const std::string& filter) {
  auto& kept = read_[{trial.store, trial.trial.id, filter}];
  if (auto outcomes = kept.lock()) return outcomes;
  auto outcomes = std::make_shared<const std::vector<Outcome>>(stores_[trial.store].outcomes(trial.trial.id, filter));
  kept = outcomes;
  return outcomes;
}

const Metric* choose_metric(const Trial& trial, const std::optional<MetricChoice>& choice) {
  for (const Metric& metric : trial.metrics) {
    if (!metric.leaf.empty()) continue;
    if (!choice || (metric.name == choice->name && (choice->filter.empty() || metric.filter == choice->filter))) return &metric;
  }
  return nullptr;
}

std::vector<const StoredTrial*> trials_of(const TrialShelf& shelf, const Side& side, const std::string& task_label, const StoredTrial* like) {
  std::vector<const StoredTrial*> trials;
  for (const std::string& variant : side.variants) {
    if (const StoredTrial* trial = shelf.find(side.model, variant, task_label, like)) trials.push_back(trial);
  }
  return trials;
}

}  // namespace winnow
