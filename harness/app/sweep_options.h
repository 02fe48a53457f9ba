#pragma once
#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "harness/api/dataset.h"
#include "harness/sweep/sweep_file.h"

namespace winnow {

// The sweep file and where its data lie, as run, validate and requests take them on the command line.
struct SweepOptions {
  std::string file, data;
  std::vector<std::string> overrides;
  bool unverified_data = false;

  void add_to(CLI::App& command);
  Sweep read() const;
  // --data, else WINNOW_DATA, else none: the first data set then says how to give one.
  std::unique_ptr<DatasetSource> open_data() const;
};

// Of all registered pruners, for read_sweep.
PrunerDeclarations pruner_declarations();

}  // namespace winnow
