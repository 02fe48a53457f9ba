#pragma once
#include <functional>
#include <string>
#include <vector>

#include "harness/api/pruner.h"
#include "pruners/shared/expert_count.h"

namespace winnow {

// Keeps the highest-scoring experts of every MoE layer. Equal scores: the lower index goes first. `score` gives one value per expert of a layer;
// throws Error(kInput) naming pruner, layer and expert where it is not finite.
PrunePlan keep_highest(const std::string& pruner, const PruneInputs& inputs, const ExpertCount& count, const CalibrationStats& stats,
                       const std::function<at::Tensor(const LayerStats& layer)>& score);

// sums / counts, 0 where no token chose the expert; f64.
at::Tensor mean_over_chosen(const at::Tensor& sums, const LayerStats& layer);

}  // namespace winnow
