#include "harness/sweep/sweep_declaration.h"

#include "harness/core/stopping.h"

namespace winnow {

std::span<const Setting> sweep_settings() {
  static const std::vector<Setting> settings = {
      {.name = "name", .types = {SettingType::kString}, .summary = "names the sweep and its default store NAME.sqlite", .required = true},
      {.name = "device", .types = {SettingType::kString}, .default_value = "cpu", .summary = "cpu, cuda or cuda:N"},
      {.name = "threads", .types = {SettingType::kInteger}, .summary = "CPU threads; default: one per physical core", .minimum = 1, .maximum = 4096},
      {.name = "token_budget",
       .types = {SettingType::kInteger},
       .default_value = 8192,
       .summary = "rows that go through a layer at once: bounds memory, changes no result",
       .minimum = 1,
       .maximum = 1 << 24},
  };
  return settings;
}

std::span<const Setting> model_settings() {
  static const std::vector<Setting> settings = {
      {.name = "name", .types = {SettingType::kString}, .summary = "what reports call it", .required = true},
      {.name = "path",
       .types = {SettingType::kString},
       .summary = "folder in Hugging Face layout (from the sweep file's folder) or hub name org/name[@revision]"},
      {.name = "recorded", .types = {SettingType::kString}, .summary = "JSONL file of recorded outputs"},
      {.name = "config", .types = {SettingType::kString}, .summary = "config.json of a model with random weights"},
      {.name = "weights",
       .types = {SettingType::kString},
       .summary = "random: seeded weights of the config's shape, for measuring only",
       .choices = {"random"}},
      {.name = "seed", .types = {SettingType::kInteger}, .summary = "of random weights; default 0", .minimum = 0},
      {.name = "dtype", .types = {SettingType::kString}, .summary = "to run in; default bf16", .choices = {"f32", "bf16"}},
      {.name = "experts",
       .types = {SettingType::kString},
       .summary = "how they lie in memory with a GPU: dense (default); bitmap: zeros take one bit, and a layer is expanded just before its products; "
                  "streamed: in the host's, each layer copied while the one before it computes, for models larger than the GPU's memory",
       .choices = {"dense", "bitmap", "streamed"}},
      {.name = "endpoint", .types = {SettingType::kString}, .summary = "OpenAI-style endpoint of a served model, http://HOST:PORT/v1"},
      {.name = "model", .types = {SettingType::kString}, .summary = "what its server calls it"},
      {.name = "tokenizer", .types = {SettingType::kString}, .summary = "folder with the served model's tokenizer.model, or hub name"},
      {.name = "api_key_env", .types = {SettingType::kString}, .summary = "environment variable that holds the endpoint's key; default: none is sent"},
      {.name = "scoring",
       .types = {SettingType::kString},
       .summary = "echo (default): by log-probabilities of echoed prompts; none: the endpoint gives none and only generates",
       .choices = {"echo", "none"}},
      {.name = "concurrency", .types = {SettingType::kInteger}, .summary = "requests to the endpoint at a time; default 8", .minimum = 1, .maximum = 1024},
      {.name = "requests_per_second",
       .types = {SettingType::kNumber},
       .summary = "at most, to the endpoint; default: no limit",
       .minimum = 0.001,
       .maximum = 100000},
      {.name = "timeout_seconds", .types = {SettingType::kNumber}, .summary = "of one attempt at a request; default 300", .minimum = 0.1, .maximum = 86400},
      {.name = "attempts", .types = {SettingType::kInteger}, .summary = "at a request before its cell fails; default 8", .minimum = 1, .maximum = 1000},
      {.name = "max_length",
       .types = {SettingType::kInteger},
       .summary = "tokens of a request to the endpoint where the task names none; default: two less than the server's limit",
       .minimum = 1,
       .maximum = 1 << 24},
  };
  return settings;
}

std::span<const Setting> variant_settings() {
  static const std::vector<Setting> settings = {
      {.name = "label", .types = {SettingType::kString}, .summary = "what reports call it", .required = true},
      {.name = "total_sparsity",
       .types = {SettingType::kNumber},
       .summary = "share of the weights that the expert steps and the weight step remove together",
       .minimum = 0,
       .maximum = 1},
      {.name = "scope",
       .types = {SettingType::kString},
       .summary = "weights that weight steps may mask: all linear layers of the decoder (default), or the experts",
       .choices = {"linears", "experts"}},
      {.name = "leave_out",
       .types = {SettingType::kStringList},
       .summary = "regular expressions; a tensor whose name matches one stays as it is, a layer whose router matches keeps its experts"},
      {.name = "seeds",
       .types = {SettingType::kIntegerList},
       .summary = "runs the variant once for each, as the seed of its calibration or of its random step",
       .minimum = 0},
  };
  return settings;
}

std::span<const Setting> calibration_settings() {
  static const std::vector<Setting> settings = {
      {.name = "dataset",
       .types = {SettingType::kString},
       .summary = "registered data set; its text fields are known (c4, math, gsm8k, mmlu, wikitext2) or given by \"fields\""},
      {.name = "split", .types = {SettingType::kString}, .summary = "of the data set; default: train where there is one, mmlu dev"},
      {.name = "file", .types = {SettingType::kString}, .summary = "JSONL file of one's own, with \"fields\""},
      {.name = "fields", .types = {SettingType::kStringList}, .summary = "fields of a row that are joined by spaces to its text"},
      {.name = "tokens", .types = {SettingType::kString}, .summary = "JSON file, a list of lists of token ids, one sequence each"},
      {.name = "sequences", .types = {SettingType::kInteger}, .default_value = 128, .summary = "sequences to take", .minimum = 1, .maximum = 10000000},
      {.name = "length", .types = {SettingType::kInteger}, .default_value = 2048, .summary = "tokens of a sequence", .minimum = 2, .maximum = 1 << 24},
      {.name = "seed", .types = {SettingType::kInteger}, .default_value = 42, .summary = "of the shuffle or the draws", .minimum = 0},
      {.name = "loader",
       .types = {SettingType::kString},
       .default_value = "packed",
       .summary =
           "packed (Lu et al., STUN), random_window (SparseGPT and Wanda on C4), random_window_prefiltered (STUN's weight stage), stream_window (SparseGPT "
           "and Wanda on WikiText-2: of all texts joined by spaces) or whole_items",
       .choices = {"packed", "random_window", "random_window_prefiltered", "stream_window", "whole_items"}},
  };
  return settings;
}

std::span<const Setting> limit_settings() {
  constexpr double kWeek = 7 * 24 * 3600;
  static const std::vector<Setting> settings = {
      {.name = "seconds", .types = {SettingType::kNumber}, .summary = "that a run of a cell may take", .minimum = 0.001, .maximum = 52 * kWeek},
      {.name = "tokens", .types = {SettingType::kInteger}, .summary = "that may go through the layers for a cell", .minimum = 1},
      {.name = "memory_bytes",
       .types = {SettingType::kInteger},
       .summary = "of private memory (heap and stacks, not mapped files) that a worker may take",
       .minimum = 1 << 26},
      {.name = "silence_seconds",
       .types = {SettingType::kNumber},
       .default_value = 3600,
       .summary = "without an answer or a step after which a worker hangs and is ended",
       .minimum = 0.1,
       .maximum = kWeek},
  };
  return settings;
}

std::span<const Setting> settings_inside(const Setting& setting) {
  const bool is_until = setting.name == "until" && setting.types.size() == 1 && setting.types.front() == SettingType::kObject;
  return is_until ? until_declarations() : std::span<const Setting>{};
}

std::span<const Dependency> model_dependencies() {
  static const std::vector<Dependency> dependencies = {
      {"endpoint", {"model", "tokenizer"}},  {"model", {"endpoint"}},           {"tokenizer", {"endpoint"}},
      {"api_key_env", {"endpoint"}},         {"scoring", {"endpoint"}},         {"concurrency", {"endpoint"}},
      {"requests_per_second", {"endpoint"}}, {"timeout_seconds", {"endpoint"}}, {"attempts", {"endpoint"}},
      {"max_length", {"endpoint"}},          {"config", {"weights"}},           {"seed", {"weights"}},
  };
  return dependencies;
}

std::span<const Dependency> calibration_dependencies() {
  static const std::vector<Dependency> dependencies = {{"file", {"fields"}}, {"split", {"dataset"}}};
  return dependencies;
}

}  // namespace winnow
