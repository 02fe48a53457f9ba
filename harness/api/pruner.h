#pragma once
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/core/registry.h"
#include "harness/model/weight_source.h"
#include "harness/pruning/calibration.h"
#include "harness/pruning/plan.h"
#include "harness/pruning/stats.h"

namespace winnow {

// What a pruner decides from. The model is as the steps before this one leave it.
struct PruneInputs {
  const ModelConfig& config;
  const std::vector<TensorSpec>& tensors;
  WeightSource& weights;
  std::string model_sha256 = {};        // header digest of the checkpoint
  std::vector<Json> steps_before = {};  // as PrunePlan::steps has them

  // For pruners that calibrate(): the tokens, to walk the layers with (LayerWalk), and statistics of the model as it stands, observed in one pass or
  // taken from the cache.
  const CalibrationTokens* calibration = nullptr;
  std::function<CalibrationStats(const std::set<Observed>& what)> observe = {};
  LayerWalkOptions walk = {};

  // A weight step after an expert step under `total_sparsity`: the sparsity to reach, in place of the step's own.
  std::optional<double> sparsity = {};
  std::string scope = "linears";                                   // "linears" or "experts"
  std::function<bool(const TensorSpec& tensor)> is_left_out = {};  // by the variant's patterns; empty: nothing is
  std::function<void(const std::string& stage, double share)> on_progress = {};
};

// A way to decide what to remove. One .cpp in pruners/.
class Pruner {
 public:
  static constexpr const char* kKind = "pruner";
  virtual ~Pruner() = default;

  // What it decides about; expert steps come before weight steps in a variant.
  enum class Target { kExperts, kWeights };
  virtual Target target() const { return Target::kExperts; }
  // Whether it decides about the checkpoint as it is stored, so that no step may stand before it.
  virtual bool is_of_the_checkpoint() const { return false; }
  // Whether it needs calibration tokens.
  virtual bool calibrates() const { return false; }

  // Throws Error(kInput) where the settings cannot work on this model (fewer experts than top-k would stay …): before calibration.
  virtual void check(const ModelConfig& config) const = 0;

  // Decides and changes nothing; the same inputs give the same plan.
  virtual PrunePlan plan(const PruneInputs& inputs) const = 0;
};

}  // namespace winnow
