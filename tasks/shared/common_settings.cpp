#include "tasks/shared/common_settings.h"

#include "harness/core/error.h"
#include "harness/core/stopping.h"

namespace winnow {
namespace {

constexpr std::uint64_t kSeed = 1234;

}  // namespace

std::vector<Setting> with_common_settings(const TaskDefaults& defaults, std::vector<Setting> own) {
  std::vector<Setting> settings = {
      {.name = "limit",
       .types = {SettingType::kInteger},
       .summary = "evaluate only the first N examples (of each subject, where there are subjects)",
       .minimum = 1},
      {.name = "shots",
       .types = {SettingType::kInteger},
       .default_value = defaults.shots,
       .summary = "solved examples before each question",
       .minimum = 0,
       .maximum = defaults.most_shots},
      {.name = "seed",
       .types = {SettingType::kInteger},
       .default_value = kSeed,
       .summary = "seed of the draws of shots, as lm-eval's few-shot seed",
       .minimum = 0},
      {.name = "split",
       .types = {SettingType::kString},
       .default_value = defaults.split.empty() ? Json() : Json(defaults.split),
       .summary = "split of the data set that is evaluated"},
      {.name = "max_length", .types = {SettingType::kInteger}, .summary = "context window in tokens; the model's own unless given", .minimum = 2},
      {.name = "add_bos", .types = {SettingType::kBoolean}, .summary = "whether texts begin with BOS; the tokenizer's own rule unless given"},
      {.name = "until",
       .types = {SettingType::kObject},
       .summary =
           "stop when the difference from the unpruned model is known: {\"difference\": 0.02, \"confidence\": 0.95, \"stop\": \"width\" or \"decision\", …}"},
      {.name = "profile",
       .types = {SettingType::kString},
       .default_value = kProfileHead,
       .summary = "whose evaluation rules are followed",
       .choices = defaults.profiles},
  };
  if (!defaults.dataset.empty()) {
    settings.push_back(
        {.name = "dataset", .types = {SettingType::kString}, .default_value = defaults.dataset, .summary = "registered data set to read, of the same format"});
  }
  for (Setting& setting : own) settings.push_back(std::move(setting));
  return settings;
}

CommonSettings common_settings(const Params& params) {
  const auto profile = params.get<std::string>("profile");
  if ((profile == kProfile2023December || profile == kProfile2023July) && params.get<std::uint64_t>("seed") != kSeed) {
    throw input_error("\"seed\" is {}, but the profile {} draws shots with a seed of its own; leave \"seed\" out", params.get<std::uint64_t>("seed"), profile);
  }
  if (params.as_json().contains("until")) until_settings(params.get<Json>("until"));
  return {.limit = params.find<std::int64_t>("limit"),
          .shots = params.get<std::size_t>("shots"),
          .seed = params.get<std::uint64_t>("seed"),
          .split = params.find<std::string>("split").value_or(""),
          .dataset = params.as_json().contains("dataset") ? params.get<std::string>("dataset") : "",
          .profile = profile};
}

}  // namespace winnow
