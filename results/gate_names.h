#pragma once
#include <optional>
#include <string>
#include <vector>

#include "results/compare_stores.h"
#include "results/gate.h"

namespace winnow {

// What a rule's quantity is, once its names are known.
struct Quantity {
  std::string task_label;  // empty: a cost over all tasks
  std::string leaf;        // of the task; empty: all of it
  std::optional<MetricChoice> metric;
  bool is_cost = false;
};

// There is nothing to judge by: ends one verdict, not the gate.
struct Missing {
  std::string reason;
};

// The reference's trials, from the stores or from the baseline.
struct Reference {
  std::vector<const StoredTrial*> stored;
  std::vector<const BaselineVariant*> baseline;  // one per draw
};

// Whom and what the names in rules mean.
class GateNames {
 public:
  GateNames(const TrialShelf& shelf, const std::vector<NamedRule>& rules, const Baseline* baseline) : shelf_(shelf), rules_(rules), baseline_(baseline) {}

  // Throws Error(kInput) for a name nobody has, with the nearest one.
  void check(const GateRule& rule, const std::vector<std::string>& of) const;
  Quantity quantity_of(const GateRule& rule) const;

  // The variants a rule judges: those it or `of` names, else all that are no references.
  std::vector<Side> judged_by(const GateRule& rule, const std::vector<std::string>& of) const;

  // Who the reference is for a side, on a task or (empty label) on all. "baseline" is the side's own run there, else the unpruned model's; a name is looked up
  // in the stores first, then in the baseline. Throws Missing.
  Reference reference_of(const GateRule& rule, const Side& side, const std::string& task_label, const StoredTrial* like) const;

  std::vector<const StoredTrial*> all_trials(const Side& side) const;  // good ones, of all tasks

 private:
  std::vector<std::string> quantity_names() const;
  std::vector<std::string> variant_names() const;
  std::optional<Quantity> task_named(const std::string& name) const;
  bool has_metric(const std::string& name, const std::string& task_label) const;
  bool is_known_variant(const std::string& name) const;
  bool is_dense(const Side& side) const;
  bool has_dense() const;
  bool is_reference(const Side& side) const;
  std::vector<const BaselineVariant*> baseline_variants(const std::string& model, const std::string& label) const;
  std::vector<const BaselineVariant*> baseline_dense(const std::string& model) const;

  const TrialShelf& shelf_;
  const std::vector<NamedRule>& rules_;
  const Baseline* baseline_;
};

}  // namespace winnow
