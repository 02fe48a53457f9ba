#include <CLI/App.hpp>
#include <memory>

#include "harness/app/calibration.h"
#include "harness/app/commands.h"
#include "harness/app/make_plan.h"
#include "harness/app/open_model.h"
#include "harness/app/output.h"
#include "harness/app/sweep_options.h"
#include "harness/core/error.h"
#include "harness/model/checkpoint.h"
#include "harness/model/dtype.h"
#include "harness/pruning/plan_files.h"

namespace winnow {
namespace {

struct PlanOptions {
  std::string model, variant, tokens, out, dtype = "f32", device = "cpu";
  DataOptions data;
};

int plan(const PlanOptions& options) {
  check_plan_place(options.out);
  const std::unique_ptr<Checkpoint> checkpoint = Checkpoint::open(find_model_folder(options.model));
  const VariantSpec variant = read_variant_file(options.variant, pruner_declarations());
  const PrunePlan plan = plan_variant(
      variant, *checkpoint, {.dtype = scalar_type(options.dtype), .device = open_device(options.device), .tokens = options.tokens, .data = options.data});
  checkpoint->check_unchanged();
  write_plan(options.out, plan);
  if (!plan.masks.empty()) say("winnow: zeros in dense kernels: a model with these masks is neither smaller in memory nor faster");
  return kExitOk;
}

}  // namespace

PrunePlan plan_variant(const VariantSpec& variant, Checkpoint& checkpoint, const PlanVariantOptions& options) {
  PlanRequest request = request_plan(variant, checkpoint.config(), checkpoint.tensors(), checkpoint, checkpoint.header_sha256());
  request.walk.dtype = options.dtype;
  request.walk.device = options.device;
  CalibrationTokens tokens;
  check_steps(variant.steps, checkpoint.config(), variant.calibration.has_value() || !options.tokens.empty());
  if (!options.tokens.empty()) {
    tokens = read_calibration_tokens(options.tokens, checkpoint.config());
    request.calibration = &tokens;
  } else if (variant.calibration) {
    const bool needs_text = variant.calibration->tokens.empty();
    const auto tokenizer = needs_text ? Tokenizer::open(checkpoint.folder(), checkpoint.config().vocabulary) : nullptr;
    tokens = load_calibration(*variant.calibration, *options.data.open(), tokenizer.get(), checkpoint.config());
    request.calibration = &tokens;
  }
  return make_plan(request);
}

void add_plan_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<PlanOptions>();
  CLI::App* command = program.add_subcommand("plan",
                                             "Decides what a variant removes from a model and writes the plan; the model is not changed.\n\nExamples:\n"
                                             "  winnow plan models/tiny --with variant.json --data datasets --out plan.json\n"
                                             "  winnow plan org/name --with variant.json --calibration-tokens ids.json --out plan.json\n");
  command->add_option("MODEL", options->model, "folder or hub name org/name[@revision]")->required();
  command->add_option("--with", options->variant, "one entry of a sweep's \"variants\"")->required()->type_name("VARIANT.json");
  command->add_option("--calibration-tokens", options->tokens, "a JSON list of lists of token ids, one sequence each, in place of the variant's calibration")
      ->type_name("IDS.json");
  command->add_option("--out", options->out, "plan to write; PLAN.safetensors appears beside it where there are masks or weights")
      ->required()
      ->type_name("PLAN.json");
  command->add_option("--dtype", options->dtype, "to calibrate in")->check(CLI::IsMember({"f32", "bf16"}))->capture_default_str();
  command->add_option("--device", options->device, "to calibrate and decide on: cpu, cuda or cuda:N")->check(fault_of_device)->capture_default_str();
  options->data.add_to(*command);
  command->callback([options, &invocation] { invocation.action = [options] { return plan(*options); }; });
}

}  // namespace winnow
