#include <CLI/App.hpp>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/open_model.h"
#include "harness/app/trace.h"
#include "harness/core/error.h"
#include "harness/model/checkpoint.h"
#include "harness/model/dtype.h"
#include "harness/model/safetensors.h"
#include "harness/pruning/apply.h"
#include "harness/pruning/plan_files.h"

namespace winnow {
namespace {

struct TraceOptions {
  std::string model, tokens, out, plan, dtype = "f32", device = "cpu";
  int generate = 0;
};

int trace(const TraceOptions& options) {
  const std::unique_ptr<Checkpoint> checkpoint = Checkpoint::open(find_model_folder(options.model));
  const auto prompts = parse_token_lists(read_json_file(options.tokens), options.tokens, checkpoint->config());
  const PrunePlan plan = options.plan.empty() ? PrunePlan{} : read_plan(options.plan);
  if (!options.plan.empty() && plan.model != checkpoint->header_sha256()) {
    throw input_error("{}: the plan was made for the model with header digest {:.12}, {} has {:.12}; plan this model anew", options.plan, plan.model,
                      options.model, checkpoint->header_sha256());
  }
  const PrunedCheckpoint pruned = apply_plan(plan, checkpoint->config(), checkpoint->tensors(), *checkpoint);
  const Model model = load_model(pruned.config, pruned.tensors, *pruned.weights,
                                 {.dtype = scalar_type(options.dtype), .device = open_device(options.device), .kept_experts = {}});
  const std::map<std::string, at::Tensor> tensors = trace_model(model, prompts, options.generate);
  checkpoint->check_unchanged();
  write_tensors(options.out, tensors, {{"format", "pt"}, {"model", checkpoint->header_sha256()}, {"dtype", options.dtype}});
  return kExitOk;
}

}  // namespace

void add_trace_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<TraceOptions>();
  CLI::App* command = program.add_subcommand("trace",
                                             "Writes everything a model computes for given token ids: logits, hidden states, routing.\n\nExamples:\n"
                                             "  winnow trace models/tiny --tokens ids.json --out trace.safetensors\n"
                                             "  winnow trace org/name --tokens ids.json --out trace.safetensors --dtype bf16 --generate 16\n");
  command->add_option("MODEL", options->model, "folder or hub name org/name[@revision]")->required();
  command->add_option("--tokens", options->tokens, "a JSON list of lists of token ids")->required()->type_name("IDS.json");
  command->add_option("--plan", options->plan, "prune by this plan first; a skipped expert has weight 0, its id stays")->type_name("PLAN.json");
  command->add_option("--out", options->out, "file to write")->required()->type_name("FILE.safetensors");
  command->add_option("--dtype", options->dtype, "to run in")->check(CLI::IsMember({"f32", "bf16"}))->capture_default_str();
  command->add_option("--device", options->device, "to run on: cpu, cuda or cuda:N")->check(fault_of_device)->capture_default_str();
  command->add_option("--generate", options->generate, "tokens to generate greedily after each prompt")->check(CLI::Range(0, 1 << 20))->type_name("N");
  command->callback([options, &invocation] { invocation.action = [options] { return trace(*options); }; });
}

}  // namespace winnow
