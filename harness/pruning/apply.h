#pragma once
#include <memory>
#include <vector>

#include "harness/model/weight_source.h"
#include "harness/pruning/plan.h"

namespace winnow {

// The checkpoint as the plan leaves it: what load_model takes and what an export writes. Reads from `source`, tensor by tensor, when asked:
// dropped experts are never read, masks and merges are done on the way. Experts that share weights have the masks and updates of the one that stores
// them. Throws Error(kInput) where the plan masks or updates a tensor that the pruned model has not. Plan and source must outlive it.
struct PrunedCheckpoint {
  ModelConfig config;
  std::vector<TensorSpec> tensors;
  std::vector<TensorSpec> origins;  // of each of `tensors`: the tensor before the plan that it is made of, the first of several
  std::unique_ptr<WeightSource> weights;
};
PrunedCheckpoint apply_plan(const PrunePlan& plan, const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source);

// Config of the model after the plan: expert counts, skip thresholds, shared storage of merged experts.
ModelConfig pruned_config(const PrunePlan& plan, const ModelConfig& config);

// `second` was made for the model that `first` leaves; the result does both at once to the original model. `second` may only drop experts,
// skip or change weights, and `first` must not have changed weights where `second` drops experts (experts first, then weights).
PrunePlan compose_plans(PrunePlan first, PrunePlan second);

}  // namespace winnow
