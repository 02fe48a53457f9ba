#include "harness/sweep/sweep_declaration.h"

namespace winnow {

std::span<const Setting> sweep_settings() {
  static const std::vector<Setting> settings = {
      {.name = "name", .types = {SettingType::kString}, .summary = "names the sweep and its default store NAME.sqlite", .required = true},
      {.name = "device", .types = {SettingType::kString}, .default_value = "cpu", .summary = "cpu, cuda or cuda:N"},
      {.name = "threads", .types = {SettingType::kInteger}, .summary = "CPU threads; default: one per physical core", .minimum = 1, .maximum = 4096},
      {.name = "token_budget", .types = {SettingType::kInteger}, .default_value = 8192, .summary = "rows that go through a layer at once: bounds memory, changes no result",
       .minimum = 1, .maximum = 1 << 24},
  };
  return settings;
}

std::span<const Setting> model_settings() {
  static const std::vector<Setting> settings = {
      {.name = "name", .types = {SettingType::kString}, .summary = "what reports call it", .required = true},
      {.name = "path", .types = {SettingType::kString}, .summary = "folder in Hugging Face layout (from the sweep file's folder) or hub name org/name[@revision]"},
      {.name = "recorded", .types = {SettingType::kString}, .summary = "JSONL file of recorded outputs"},
      {.name = "config", .types = {SettingType::kString}, .summary = "config.json of a model with random weights"},
      {.name = "weights", .types = {SettingType::kString}, .summary = "random: seeded weights of the config's shape, for measuring only", .choices = {"random"}},
      {.name = "seed", .types = {SettingType::kInteger}, .summary = "of random weights; default 0", .minimum = 0},
      {.name = "dtype", .types = {SettingType::kString}, .summary = "to run in; default bf16", .choices = {"f32", "bf16"}},
  };
  return settings;
}

std::span<const Setting> variant_settings() {
  static const std::vector<Setting> settings = {
      {.name = "label", .types = {SettingType::kString}, .summary = "what reports call it", .required = true},
  };
  return settings;
}

}  // namespace winnow
