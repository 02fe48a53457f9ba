#pragma once
#include <vector>

#include "harness/core/trial.h"
#include "harness/sweep/sweep_file.h"

namespace winnow {

// Cells that share what is expensive, in the order of the cells: of one model and variant, which is opened once for all of them; or of one model and one
// measurement, whose variants are measured together.
struct CellGroup {
  enum class Kind { kVariant, kMeasurement } kind = Kind::kVariant;
  std::vector<const Cell*> cells;
};

// Models follow each other; of each, its variants come first, those with "until" after those they are compared with, its measurements last.
std::vector<CellGroup> group_cells(const std::vector<const Cell*>& cells);

}  // namespace winnow
