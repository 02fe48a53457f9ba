#pragma once
#include <map>
#include <memory>
#include <vector>

#include "harness/api/measure.h"

namespace winnow {

// Variants that are timed, in memory as far as it reaches: the first ones are held, the others opened when their turn comes, one at a time.
class ModelShelf {
 public:
  // `memory_share` of the free memory is theirs.
  ModelShelf(MeasuredModel& model, const std::vector<VariantNumber>& variants, double memory_share);

  bool holds_all() const { return holds_all_; }
  std::size_t held() const { return held_.size(); }
  bool is_guest(VariantNumber variant) const { return !held_.contains(variant); }

  TimedModel& at(VariantNumber variant);  // valid until another variant is asked for
  void drop(VariantNumber variant);       // gives its memory back

 private:
  MeasuredModel& model_;
  std::map<VariantNumber, std::unique_ptr<TimedModel>> held_;
  std::unique_ptr<TimedModel> guest_;
  VariantNumber guest_number_ = kDense;
  bool holds_all_ = false;
};

}  // namespace winnow
