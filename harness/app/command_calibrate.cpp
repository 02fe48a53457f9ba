#include <CLI/App.hpp>
#include <map>
#include <memory>

#include "harness/app/calibration.h"
#include "harness/app/commands.h"
#include "harness/app/open_model.h"
#include "harness/app/sweep_options.h"
#include "harness/core/error.h"
#include "harness/core/settings.h"
#include "harness/model/checkpoint.h"
#include "harness/model/dtype.h"
#include "harness/pruning/stats.h"

namespace winnow {
namespace {

const std::map<std::string, Observed>& observable() {
  static const std::map<std::string, Observed> names = {
      {"counts", Observed::kCounts},
      {"gates", Observed::kGates},
      {"coactivation", Observed::kCoactivation},
      {"output_norms", Observed::kOutputNorms},
      {"skip_ratios", Observed::kSkipRatios},
      {"mean_outputs", Observed::kMeanOutputs},
      {"input_norms", Observed::kInputNorms},
      {"gate_input_norms", Observed::kGateInputNorms},
      {"grams", Observed::kGrams},
  };
  return names;
}

struct CalibrateOptions {
  std::string model, calibration, out, dtype = "f32", device = "cpu";
  std::vector<std::string> observe;
  DataOptions data;
};

std::set<Observed> what_to_observe(const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (const auto& [name, observed] : observable()) known.push_back(name);
  std::set<Observed> what;
  for (const std::string& name : names) {
    const auto position = observable().find(name);
    if (position == observable().end()) {
      throw usage_error("--observe: there is no '{}'{}; there are: {}", name, did_you_mean(name, known), fmt::join(known, ", "));
    }
    what.insert(position->second);
  }
  return what;
}

int calibrate(const CalibrateOptions& options) {
  const std::set<Observed> what = what_to_observe(options.observe);
  const std::unique_ptr<Checkpoint> checkpoint = Checkpoint::open(find_model_folder(options.model));
  const CalibrationSpec calibration = read_calibration_file(options.calibration);
  const auto tokenizer = calibration.tokens.empty() ? Tokenizer::open(checkpoint->folder(), checkpoint->config().vocabulary) : nullptr;
  const CalibrationTokens tokens = load_calibration(calibration, *options.data.open(), tokenizer.get(), checkpoint->config());
  LayerWalk walk(checkpoint->config(), checkpoint->tensors(), *checkpoint, tokens,
                 {.dtype = scalar_type(options.dtype), .device = open_device(options.device)});
  const CalibrationStats stats = collect_stats(walk, checkpoint->config(), checkpoint->tensors(), what);
  checkpoint->check_unchanged();
  write_stats(options.out, stats,
              {{"model", checkpoint->header_sha256()},
               {"tokens_sha256", tokens.sha256()},
               {"dtype", options.dtype},
               {"experts_per_token", std::to_string(checkpoint->config().router.experts_per_token)}});
  return kExitOk;
}

}  // namespace

void add_calibrate_command(CLI::App& program, Invocation& invocation) {
  const auto options = std::make_shared<CalibrateOptions>();
  CLI::App* command =
      program.add_subcommand("calibrate",
                             "Observes a model on calibration tokens and writes the statistics pruners decide from, for methods of one's own.\n\nExamples:\n"
                             "  winnow calibrate models/tiny --calibration calibration.json --data datasets --observe counts,gates --out stats.safetensors\n"
                             "  winnow calibrate models/tiny --calibration ids.json --observe counts,input_norms --out stats.safetensors\n");
  command->add_option("MODEL", options->model, "folder or hub name org/name[@revision]")->required();
  command->add_option("--calibration", options->calibration, "a variant's \"calibration\" object, or a list of lists of token ids")
      ->required()
      ->type_name("FILE.json");
  command
      ->add_option("--observe", options->observe, "counts, gates, coactivation, output_norms, skip_ratios, mean_outputs, input_norms, gate_input_norms, grams")
      ->required()
      ->delimiter(',')
      ->type_name("WHAT,…");
  command->add_option("--out", options->out, "file to write; harness/pruning/stats.h names its tensors")->required()->type_name("STATS.safetensors");
  command->add_option("--dtype", options->dtype, "to run in")->check(CLI::IsMember({"f32", "bf16"}))->capture_default_str();
  command->add_option("--device", options->device, "to run on: cpu, cuda or cuda:N")->check(fault_of_device)->capture_default_str();
  options->data.add_to(*command);
  command->callback([options, &invocation] { invocation.action = [options] { return calibrate(*options); }; });
}

}  // namespace winnow
