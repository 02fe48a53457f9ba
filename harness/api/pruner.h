#pragma once
#include <string>
#include <vector>

#include "harness/core/registry.h"
#include "harness/model/weight_source.h"
#include "harness/pruning/plan.h"

namespace winnow {

// What a pruner decides from.
struct PruneInputs {
  const ModelConfig& config;                // of the model as it stands: after the steps before this one
  const std::vector<TensorSpec>& tensors;   // of the checkpoint
  WeightSource& weights;
};

// A way to decide what to remove. One .cpp in pruners/.
class Pruner {
 public:
  static constexpr const char* kKind = "pruner";
  virtual ~Pruner() = default;

  // Throws Error(kInput) where the settings cannot work on this model (fewer experts than top-k would stay …): before calibration.
  virtual void check(const ModelConfig& config) const = 0;

  // Decides and changes nothing; the same inputs give the same plan.
  virtual PrunePlan plan(const PruneInputs& inputs) const = 0;
};

}  // namespace winnow
