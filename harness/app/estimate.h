#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/sweep/run_sweep.h"

namespace winnow {

// What a cell that is still to be run will take, as far as it can be told before.
struct CellEstimate {
  std::optional<double> tokens;  // asked of the model, generated ones at most
  std::optional<double> bytes;   // of memory at its peak
  std::optional<double> seconds;
};

struct SweepEstimate {
  std::vector<CellEstimate> cells;   // one for each cell asked about
  std::vector<std::string> sources;  // sentences: what the numbers were obtained from
};

struct EstimateInputs {
  const Sweep& sweep;
  std::vector<const Cell*> cells;
  std::vector<Trial> trials;  // that the store holds; those that went well on this machine say what a model can do
  DatasetSource& datasets;
  Json environment;  // of this process
};

// In this order: what a trial of the same model and task took; tokens counted over up to 64 examples of each task, at the speed of other trials of the
// model; the same at the speed of a second of matrix products in the model's sizes. Loads no weights.
SweepEstimate estimate(const EstimateInputs& inputs);

}  // namespace winnow
