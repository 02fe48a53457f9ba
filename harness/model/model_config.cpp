#include "harness/model/checkpoint.h"
#include "harness/model/config_fields.h"
#include "harness/model/json_file.h"
#include "harness/model/weight_files.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

struct GreedySetting {  // of generation_config.json: applied by transformers in greedy decoding too, unless it has this value
  const char* key;
  Json neutral;
};

const std::vector<GreedySetting>& greedy_settings() {
  static const std::vector<GreedySetting> settings = {{"repetition_penalty", 1.0},
                                                      {"encoder_repetition_penalty", 1.0},
                                                      {"no_repeat_ngram_size", 0},
                                                      {"encoder_no_repeat_ngram_size", 0},
                                                      {"bad_words_ids", nullptr},
                                                      {"stop_strings", nullptr},
                                                      {"force_words_ids", nullptr},
                                                      {"forced_bos_token_id", nullptr},
                                                      {"forced_eos_token_id", nullptr},
                                                      {"suppress_tokens", nullptr},
                                                      {"begin_suppress_tokens", nullptr},
                                                      {"sequence_bias", nullptr},
                                                      {"exponential_decay_length_penalty", nullptr},
                                                      {"min_length", 0},
                                                      {"min_new_tokens", 0},
                                                      {"max_new_tokens", nullptr},  // goes before what a task asks for
                                                      {"num_beams", 1},
                                                      {"penalty_alpha", nullptr},
                                                      {"guidance_scale", 1.0},
                                                      {"watermarking_config", nullptr}};
  return settings;
}

bool is_neutral(const Json& value, const Json& neutral) {
  return value.is_null() || value == neutral || (value.is_array() && value.empty()) || (value.is_object() && value.empty());
}

void read_generation_config(const Json& json, ModelConfig& config) {
  const ConfigFields fields(json);
  const IntegerRange ids{0, config.vocabulary - 1};
  if (const auto bos = fields.find_integer("bos_token_id", ids)) config.bos_id = bos;
  if (fields.has("eos_token_id")) config.eos_ids = fields.integers("eos_token_id", ids);
  for (const auto& [key, neutral] : greedy_settings()) {
    const auto value = json.find(key);
    if (value != json.end() && !is_neutral(*value, neutral)) config.generation_settings_ignored.push_back(fmt::format("{} {}", key, quoted(*value)));
  }
}

void read_skip_thresholds(const Json& json, ModelConfig& config) {
  const ConfigFields fields(json);
  const Json layers = fields.has("layers") ? fields.raw("layers") : Json::array();
  if (!layers.is_array()) throw input_error("'layers' is {}; expected a list", quoted(layers));
  for (const Json& layer : layers) {
    const ConfigFields of_layer(layer, "layers.");
    const std::optional<double> beta = of_layer.find_number("beta", 0, 1e9);
    if (!beta) continue;
    const std::int64_t number = of_layer.integer("layer", {0, static_cast<std::int64_t>(config.layers.size()) - 1});
    if (config.layers[number].mlp != LayerConfig::Mlp::kMoe) throw input_error("'layers.beta' is set for layer {}, which has no experts to skip", number);
    config.layers[number].skip_beta = beta;
  }
}

}  // namespace

ModelConfig read_model_config(const fs::path& path) {
  std::error_code ignored;
  const bool is_folder = fs::is_directory(path, ignored);
  const fs::path file = is_folder ? path / "config.json" : path;
  const Json json = read_folder_json(file);
  ModelConfig config = in_file(file, [&] {
    const Registered<Family>& family = family_of(json);
    return Registry<Family>::instance().make(family.name)->read(json);
  });
  const fs::path generation = file.parent_path() / "generation_config.json";
  if (is_there(generation)) {
    const Json generation_json = read_folder_json(generation);
    in_file(generation, [&] { read_generation_config(generation_json, config); });
  }
  const fs::path plan = file.parent_path() / kExportedPlan;
  if (is_there(plan)) {
    const Json plan_json = read_folder_json(plan);
    in_file(plan, [&] { read_skip_thresholds(plan_json, config); });
  }
  return config;
}

}  // namespace winnow
