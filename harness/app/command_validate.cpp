#include <CLI/App.hpp>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/open_model.h"
#include "harness/app/output.h"
#include "harness/app/sweep_options.h"
#include "harness/core/error.h"

namespace winnow {

void add_validate_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<SweepOptions>();
  CLI::App* command = program.add_subcommand("validate",
                                             "Checks a sweep file and everything it names, and starts nothing.\n\nExamples:\n"
                                             "  winnow validate sweep.json --data datasets\n  winnow validate sweep.json --set models[0].dtype=bf16\n");
  options->add_to(*command);
  command->callback([options, &invocation] {
    invocation.action = [options] {
      const Sweep sweep = options->read();
      const std::unique_ptr<ModelOpener> opener = make_model_opener({.device = sweep.device, .token_budget = sweep.token_budget});
      const std::unique_ptr<DatasetSource> datasets = options->open_data();
      const std::vector<Cell> cells = expand(sweep, *opener, *datasets);
      check_variants(sweep, *opener);
      say(fmt::format("winnow: {} is well: {} cells", options->file, cells.size()));
      return kExitOk;
    };
  });
}

}  // namespace winnow
