#pragma once
#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "harness/api/dataset.h"
#include "harness/sweep/sweep_file.h"

namespace winnow {

// Where data sets lie, as commands that read some take it.
struct DataOptions {
  std::string data;
  bool unverified_data = false;

  void add_to(CLI::App& command);
  std::string folder() const;  // --data, else WINNOW_DATA; may be empty
  // --data, else WINNOW_DATA, else none: the first data set then says how to give one.
  std::unique_ptr<DatasetSource> open() const;
};

// The sweep file and where its data lie, as run, validate and requests take them on the command line.
struct SweepOptions {
  std::string file;
  std::vector<std::string> overrides;
  DataOptions data;

  void add_to(CLI::App& command);
  Sweep read() const;
  std::unique_ptr<DatasetSource> open_data() const { return data.open(); }
};

// Of all registered pruners, for read_sweep.
PrunerDeclarations pruner_declarations();

}  // namespace winnow
