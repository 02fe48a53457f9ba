#include "harness/app/environment.h"

#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>

#include "harness/app/build_facts.h"
#include "harness/app/commands.h"
#include "harness/core/error.h"
#include "harness/engine/cuda.h"
#include "harness/model/checkpoint.h"
#include "harness/sweep/surroundings.h"

namespace winnow {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "gcc " __VERSION__;
#endif

Json seeds_of(const Sweep& sweep) {
  Json seeds = {{"weights", Json::object()}, {"pruning", Json::object()}, {"few_shot", Json::array()}};
  for (const ModelSpec& model : sweep.models) {
    if (!model.config.empty()) seeds["weights"][model.name] = model.seed;
  }
  for (const VariantSpec& variant : sweep.variants) {
    for (const StepSpec& step : variant.steps) seeds["pruning"][variant.label].push_back(step.settings.value("seed", Json()));
  }
  for (const TaskSpec& task : sweep.tasks) seeds["few_shot"].push_back({{"task", task.task}, {"seed", task.settings.value("seed", Json())}});
  return seeds;
}

// By model: what its generation_config.json asks for in greedy decoding too, and the engine does not do.
Json ignored_settings_of(const Sweep& sweep) {
  Json ignored = Json::object();
  for (const ModelSpec& model : sweep.models) {
    if (model.path.empty()) continue;
    const std::vector<std::string> settings = read_model_config(find_model_folder(model.path)).generation_settings_ignored;
    if (!settings.empty()) ignored[model.name] = settings;
  }
  return ignored;
}

std::string cuda_text() {
  try {
    return fmt::format("cuda:{}", open_cuda().index());
  } catch (const Error& error) {
    return fmt::format("no cuda ({})", error.what());
  }
}

}  // namespace

Json environment_of(const Sweep& sweep, int threads, const std::vector<std::string>& command_line) {
  return {{"winnow", {{"version", WINNOW_VERSION}, {"commit", kBuildCommit}, {"dirty", kBuildIsDirty}}},
          {"compiler", kCompiler},
          {"libtorch", TORCH_VERSION},
          {"machine", surroundings()},
          {"threads", threads},
          {"device", sweep.device},
          {"token_budget", sweep.token_budget},
          {"seeds", seeds_of(sweep)},
          {"generation_settings_ignored", ignored_settings_of(sweep)},
          {"command_line", command_line}};
}

std::string version_text() {
  return fmt::format("winnow {}\ncommit {}{}\nlibtorch {}\ndevices cpu ({} cores), {}\ncompiler {}", WINNOW_VERSION, kBuildCommit,
                     kBuildIsDirty ? " with changes" : "", TORCH_VERSION, usable_cores(), cuda_text(), kCompiler);
}

}  // namespace winnow
