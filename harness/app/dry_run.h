#pragma once
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "harness/app/estimate.h"
#include "results/store.h"

namespace winnow {

struct DryRunInputs {
  const Sweep& sweep;
  std::filesystem::path store;  // may not exist yet
  std::string grid_sha256;      // of the whole grid
  DatasetSource& datasets;
  Json environment;
};

// The table of cells, done and to do, with what each will take, and below it their sum. Tells on standard error where the numbers come from.
// Reads the store, if there is one, and writes nothing.
void print_dry_run(const DryRunInputs& inputs, Store* store, const std::vector<Cell>& cells);

}  // namespace winnow
