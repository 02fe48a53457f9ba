#include <CLI/App.hpp>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/open_model.h"
#include "harness/app/output.h"
#include "harness/app/sweep_options.h"
#include "harness/core/error.h"
#include "harness/sweep/sweep_schema.h"

namespace winnow {

void add_validate_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<SweepOptions>();
  const auto schema = std::make_shared<bool>(false);
  CLI::App* command = program.add_subcommand("validate",
                                             "Checks a sweep file and everything it names, and starts nothing.\n\nExamples:\n"
                                             "  winnow validate sweep.json --data datasets\n  winnow validate sweep.json --set models[0].dtype=bf16\n"
                                             "  winnow validate --schema > sweep.schema.json\n");
  options->add_to(*command);
  command->get_option("SWEEP.json")->required(false);
  command->add_flag("--schema", *schema, "print the JSON Schema (draft-07) of sweep files, for editors, and do nothing else");
  command->callback([options, schema, &invocation] {
    invocation.action = [options, schema] {
      if (*schema) {
        write_output(sweep_schema(pruner_declarations()).dump(2) + "\n");
        return kExitOk;
      }
      if (options->file.empty()) throw usage_error("validate takes a sweep file, or --schema");
      const Sweep sweep = options->read();
      const std::unique_ptr<ModelOpener> opener = make_model_opener({.device = sweep.device, .token_budget = sweep.token_budget});
      const std::unique_ptr<DatasetSource> datasets = options->open_data();
      const std::vector<Cell> cells = expand(sweep, *opener, *datasets);
      check_variants(sweep, cells, *opener);
      say(fmt::format("winnow: {} is well: {} cell{}", options->file, cells.size(), cells.size() == 1 ? "" : "s"));
      return kExitOk;
    };
  });
}

}  // namespace winnow
