#include <CLI/App.hpp>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/make_plan.h"
#include "harness/app/open_model.h"
#include "harness/app/output.h"
#include "harness/app/stop_signals.h"
#include "harness/app/sweep_options.h"
#include "harness/core/error.h"
#include "harness/model/dtype.h"
#include "harness/pruning/export.h"
#include "harness/pruning/plan_files.h"
#include "results/report.h"

namespace winnow {
namespace {

struct PruneOptions {
  std::string model, variant, plan, tokens, out, dtype = "f32", device = "cpu";
  DataOptions data;
};

int prune(const PruneOptions& options) {
  if (options.variant.empty() == options.plan.empty())
    throw usage_error("found {} of --with and --plan, expected exactly one", options.plan.empty() ? "neither" : "both");
  const std::unique_ptr<Checkpoint> checkpoint = Checkpoint::open(find_model_folder(options.model));
  const PrunePlan plan =
      !options.plan.empty()
          ? read_plan(options.plan)
          : plan_variant(read_variant_file(options.variant, pruner_declarations()), *checkpoint,
                         {.dtype = scalar_type(options.dtype), .device = open_device(options.device), .tokens = options.tokens, .data = options.data});
  if (plan.model != checkpoint->header_sha256()) {
    throw input_error("{}: the plan was made for the model with header digest {:.12}, {} has {:.12}; plan this model anew", options.plan, plan.model,
                      options.model, checkpoint->header_sha256());
  }
  const StopSignals signals;
  const ExportSummary summary = export_checkpoint(*checkpoint, plan, options.out, {.should_stop = StopSignals::arrived});
  if (summary.was_stopped) {
    say(fmt::format("winnow: stopped; {} was not made, and nothing is left of it", summary.folder.string()));
    return StopSignals::exit_code();
  }
  checkpoint->check_unchanged();
  say(fmt::format("winnow: {} ({} weight file{}, {})", summary.folder.string(), summary.weight_files.size(), summary.weight_files.size() == 1 ? "" : "s",
                  shown_number(static_cast<double>(summary.weight_bytes), "bytes")));
  for (const std::string& remark : summary.remarks) say("winnow: " + remark);
  return kExitOk;
}

}  // namespace

void add_prune_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<PruneOptions>();
  CLI::App* command = program.add_subcommand("prune",
                                             "Writes the pruned model as a Hugging Face folder.\n\nExamples:\n"
                                             "  winnow prune models/tiny --with variant.json --data datasets --out models/tiny-pruned\n"
                                             "  winnow prune org/name --plan plan.json --out models/name-pruned\n");
  command->add_option("MODEL", options->model, "folder or hub name org/name[@revision]")->required();
  command->add_option("--with", options->variant, "one entry of a sweep's \"variants\"")->type_name("VARIANT.json");
  command->add_option("--plan", options->plan, "a plan made by 'winnow plan'")->type_name("PLAN.json");
  command->add_option("--calibration-tokens", options->tokens, "a JSON list of lists of token ids, in place of the variant's calibration")
      ->type_name("IDS.json");
  command->add_option("--out", options->out, "folder to write; it may not exist yet")->required()->type_name("FOLDER");
  command->add_option("--dtype", options->dtype, "to calibrate in")->check(CLI::IsMember({"f32", "bf16"}))->capture_default_str();
  command->add_option("--device", options->device, "to calibrate and decide on: cpu, cuda or cuda:N")->check(fault_of_device)->capture_default_str();
  options->data.add_to(*command);
  command->callback([options, &invocation] { invocation.action = [options] { return prune(*options); }; });
}

}  // namespace winnow
