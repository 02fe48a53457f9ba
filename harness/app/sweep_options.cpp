#include "harness/app/sweep_options.h"

#include <cstdlib>

#include "harness/api/pruner.h"
#include "harness/sweep/data_folder.h"

namespace winnow {

void DataOptions::add_to(CLI::App& command) {
  command.add_option("--data", data, "folder of the data sets; default: WINNOW_DATA")->type_name("DIR");
  command.add_flag("--unverified-data", unverified_data, "take data files of unknown sha256, and mark every record");
}

void SweepOptions::add_to(CLI::App& command) {
  command.add_option("SWEEP.json", file, "the sweep file")->required();
  command.add_option("--set", overrides, "PATH=VALUE: changes the sweep, such as models[0].dtype=bf16 or variants.*.steps[0].seed=2")
      ->type_name("PATH=VALUE")
      ->take_all()
      ->expected(1)
      ->delimiter('\0');
  data.add_to(command);
}

Sweep SweepOptions::read() const { return read_sweep(file, pruner_declarations(), overrides); }

std::string DataOptions::folder() const {
  const char* named = std::getenv("WINNOW_DATA");
  return !data.empty() ? data : named ? named : "";
}

std::unique_ptr<DatasetSource> DataOptions::open() const {
  return open_data_folder(folder(), unverified_data ? UnverifiedData::kMarked : UnverifiedData::kRefused);
}

PrunerDeclarations pruner_declarations() {
  const Registry<Pruner>& registry = Registry<Pruner>::instance();
  PrunerDeclarations declarations;
  for (const std::string& name : registry.names()) {
    const Registered<Pruner>& entry = registry.find(name);
    declarations[name] = {.version = entry.version, .settings = entry.settings, .try_settings = [name](const Json& settings) {
                            Registry<Pruner>::instance().make(name, settings);
                          }};
  }
  return declarations;
}

}  // namespace winnow
