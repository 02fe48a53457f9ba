#pragma once
#include <span>
#include <string>
#include <vector>

#include "harness/core/trial.h"

namespace winnow {

// How the cells of a sweep differ from those its grid was frozen with.
struct GridDifference {
  std::vector<std::string> lines;  // "+ tiny · owl · mmlu", "- …", "~ tiny · dense · gsm8k: task.settings.shots 5 → 8"
  std::size_t added = 0, gone = 0, changed = 0, same = 0;

  bool empty() const { return lines.empty(); }
};

// Pure. Cells are the same by their keys; one of the same names under another key has changed, and its line says what of its identity.
GridDifference grid_difference(std::span<const Cell> before, std::span<const Cell> now);

}  // namespace winnow
