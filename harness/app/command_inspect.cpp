#include <CLI/App.hpp>
#include <memory>

#include "harness/app/commands.h"
#include "harness/app/output.h"
#include "harness/app/progress.h"
#include "harness/core/error.h"
#include "harness/model/checkpoint.h"
#include "harness/model/inspect.h"
#include "results/report.h"

namespace winnow {
namespace {

std::string shown_bytes(std::uint64_t bytes) { return shown_number(static_cast<double>(bytes), "bytes"); }

// "8 (all 32 layers)" or the counts one by one.
std::string experts_text(const std::vector<std::int64_t>& experts) {
  for (const std::int64_t count : experts) {
    if (count != experts.front()) return fmt::format("{} by layer", fmt::join(experts, " "));
  }
  return experts.empty() || experts.front() == 0 ? "none" : fmt::format("{} in each of {} layers", experts.front(), experts.size());
}

std::string attention_text(const AttentionConfig& attention) {
  std::string text = fmt::format("{} heads, {} for keys and values, of {}", attention.heads, attention.kv_heads, attention.head_dim);
  if (attention.sliding_window) text += fmt::format(", sliding window {}", *attention.sliding_window);
  if (attention.qkv_bias) text += ", bias on queries, keys and values";
  const char* const kinds[] = {"default", "linear", "llama3"};
  return text + fmt::format("; rope {} with base {}", kinds[static_cast<int>(attention.rope.kind)], attention.rope.theta);
}

std::string as_text(const ModelDescription& model) {
  const ModelConfig& config = model.config;
  std::string text = model.name + "\n";
  const auto line = [&](const char* what, const std::string& value) { text += fmt::format("  {:<18} {}\n", what, value); };
  line("family", fmt::format("{} (model_type {})", config.family, config.model_type));
  if (!model.hub_commit.empty()) line("hub commit", model.hub_commit);
  line("header sha256", model.header_sha256.empty() ? "no weights here" : model.header_sha256);
  line("layers", fmt::format("{}, {} of them with experts", config.layers.size(), config.moe_layers()));
  line("hidden, vocabulary", fmt::format("{}, {}", config.hidden, config.vocabulary));
  line("attention", attention_text(config.attention));
  line("experts", experts_text(model.experts_by_layer));
  if (config.moe_layers() > 0)
    line("router", fmt::format("top-{}{}", config.router.experts_per_token, config.router.renormalize ? ", weights renormalised" : ""));
  line("parameters", fmt::format("{}, {} used by a token, {} in experts", shown_count(model.parameters), shown_count(model.active_parameters),
                                 shown_count(model.expert_parameters)));
  if (model.stored_bytes > 0)
    line("stored", fmt::format("{} as {} in {} file{}", shown_bytes(model.stored_bytes), config.dtype, model.files.size(), model.files.size() == 1 ? "" : "s"));
  line("this machine", fmt::format("{} of memory, {} available", shown_bytes(model.machine.total_bytes), shown_bytes(model.machine.available_bytes)));
  for (const MemoryNeed& need : model.memory) {
    std::string verdict = need.fits ? "fits" : "does not fit";
    if (!need.fits && need.experts_that_fit) verdict += fmt::format("; with {} experts a layer it would", *need.experts_that_fit);
    line(("needs in " + need.dtype).c_str(), fmt::format("{} with a cache of {} tokens: {}", shown_bytes(need.needed_bytes), need.cache_tokens, verdict));
  }
  return text;
}

}  // namespace

void add_inspect_command(CLI::App& program, Invocation& invocation) {
  struct Options {
    std::string model;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("inspect",
                                             "Says what a model is, whether its files are whole, and what running it takes.\n\nExamples:\n"
                                             "  winnow inspect models/mixtral\n  winnow inspect mistralai/Mixtral-8x7B-v0.1@main --json\n");
  command->add_option("MODEL", options->model, "folder, config.json, or hub name org/name[@revision]")->required();
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options, &invocation] {
    invocation.action = [options] {
      std::error_code ignored;
      const bool is_file = std::filesystem::is_regular_file(options->model, ignored);
      const ModelDescription model = inspect_model(is_file ? std::filesystem::path(options->model) : find_model_folder(options->model));
      if (options->json)
        write_output(to_json(model).dump(2, ' ', true, Json::error_handler_t::replace) + "\n");
      else
        write_text(as_text(model));
      return kExitOk;
    };
  });
}

}  // namespace winnow
