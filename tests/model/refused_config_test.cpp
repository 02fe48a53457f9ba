#include "tests/model/refused_case.h"

namespace winnow::test {
namespace {

constexpr ErrorKind kInput = ErrorKind::kInput;
constexpr ErrorKind kUnsupported = ErrorKind::kUnsupported;

// Sizes that no model can have; each is refused before a weight file is looked at.
TEST(RefusedConfig, NumbersOutOfRange) {
  const std::vector<std::pair<std::string, std::vector<Json>>> sizes = {
      {"hidden_size", {0, -16, 16.5, "16", nullptr, Json::array({16}), true, 18446744073709551615ull}},
      {"num_hidden_layers", {0, -1, 1000000000000, 2.5, "two"}},
      {"num_attention_heads", {0, -4, 1e10, nullptr}},
      {"num_key_value_heads", {0, -2, false}},
      {"num_local_experts", {0, -8, 4294967296, nullptr}},
      {"num_experts_per_tok", {0, -2, 1.5, nullptr}},
      {"intermediate_size", {0, -1, 9223372036854775807}},
      {"vocab_size", {0, -1, 1e6}},
      {"max_position_embeddings", {0, -1, "many"}},
      {"rms_norm_eps", {0, -1e-5, "small", nullptr, 2}},
      {"rope_theta", {0, -10000, "big"}},
      {"head_dim", {0, -8}},
      {"sliding_window", {0, -7, 1.5}},
      {"eos_token_id", {-1, 40, "</s>", Json::array({2, 99})}},
      {"tie_word_embeddings", {1, "true"}},
  };
  for (const auto& [key, values] : sizes) {
    for (const Json& value : values) expect_refused({key + " " + value.dump(), with_key(key, value), {"config.json", "'" + key + "'"}});
  }
}

TEST(RefusedConfig, ValuesThatContradictEachOther) {
  const auto scaling = [](const std::string& key, const Json& value) {
    return with_config([key, value](Json& config) { config["rope_scaling"][key] = value; });
  };
  expect_all_refused({
      {"kv heads do not divide heads", with_key("num_key_value_heads", 3), {"'num_key_value_heads' is 3", "'num_attention_heads' (4)"}},
      {"heads do not divide hidden",
       with_config([](Json& config) { config["num_attention_heads"] = config["num_key_value_heads"] = 6; }),
       {"'num_attention_heads' is 6", "'hidden_size' (16)"}},
      {"odd head_dim", with_key("head_dim", 5), {"'head_dim'", "is 5", "even"}},
      {"odd derived head_dim", with_key("num_attention_heads", 16), {"'head_dim'", "is 1", "even"}},
      {"top-k above experts", with_key("num_experts_per_tok", 5), {"'num_experts_per_tok' is 5", "4 experts"}},
      {"two expert counts", with_key("num_experts", 6), {"'num_local_experts' is 4", "'num_experts' is 6"}},
      {"two dtypes", with_key("dtype", "float32"), {"'torch_dtype' is \"bfloat16\"", "'dtype' is \"float32\""}},
      {"two thetas", with_key("rope_parameters", {{"rope_theta", 5.0}}), {"'rope_parameters.rope_theta' is 5", "'rope_theta' is 1000000"}},
      {"two rope kinds",
       with_key("rope_scaling", {{"type", "linear"}, {"rope_type", "llama3"}, {"factor", 2}}),
       {"'rope_scaling.rope_type'", "'rope_scaling.type'"}},
      {"scaling against parameters",
       with_config([](Json& config) {
         config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 2.0}};
         config["rope_parameters"] = {{"rope_type", "default"}};
       }),
       {"'rope_scaling' and 'rope_parameters'"}},
      {"architecture of another family", with_key("architectures", Json::array({"LlamaForCausalLM"})), {"'architectures'", "LlamaForCausalLM", "mixtral"}},
      {"full layers with a window",
       with_config([](Json& config) {
         config["layer_types"] = {"full_attention", "full_attention"};
         config["sliding_window"] = 8;
       }),
       {"'sliding_window' is 8", "full_attention"}},
      {"sliding layers without a window",
       with_key("layer_types", Json::array({"sliding_attention", "sliding_attention"})),
       {"'layer_types'", "'sliding_window'"}},
      {"too few layer types", with_key("layer_types", Json::array({"full_attention"})), {"'layer_types'", "2"}},
      {"per-layer count of a layer that is not there",
       with_key("per_layer_config", {{"7", {{"num_local_experts", 2}}}}),
       {"'per_layer_config'", "\"7\"", "0 to 1"}},
      {"per-layer key with a leading zero", with_key("per_layer_config", {{"01", {{"num_local_experts", 2}}}}), {"'per_layer_config'", "\"01\""}},
      {"per-layer count below top-k",
       with_key("per_layer_config", {{"1", {{"num_local_experts", 1}}}}),
       {"'num_experts_per_tok' is 2", "layer 1 has 1 experts"}},
      {"per-layer list", with_key("per_layer_config", Json::array({1, 2})), {"'per_layer_config'"}},
      {"experts in a dense layer", with_key("per_layer_config", {{"1", {{"num_experts", 3}}}}), {"layer 1", "no experts"}, kInput, "qwen2_moe"},
      {"dense layer that is not there", with_key("mlp_only_layers", Json::array({9})), {"'mlp_only_layers' is 9"}, kInput, "qwen2_moe"},
      {"sparse step zero", with_key("decoder_sparse_step", 0), {"'decoder_sparse_step' is 0"}, kInput, "qwen2_moe"},
      {"norm_topk_prob a number", with_key("norm_topk_prob", 1), {"'norm_topk_prob' is 1", "true or false"}, kInput, "qwen2_moe"},
      {"shared expert of width zero", with_key("shared_expert_intermediate_size", 0), {"'shared_expert_intermediate_size' is 0"}, kInput, "qwen2_moe"},
      {"window switched on without a size",
       with_config([](Json& config) {
         config["use_sliding_window"] = true;
         config["sliding_window"] = nullptr;
         config["layer_types"] = {"sliding_attention", "sliding_attention", "sliding_attention"};
       }),
       {"'use_sliding_window'", "'sliding_window'"},
       kInput,
       "qwen2_moe"},
      {"original positions above the maximum",
       scaling("original_max_position_embeddings", 4096),
       {"'rope_scaling.original_max_position_embeddings' is 4096"},
       kInput,
       "llama"},
      {"high below low frequency", scaling("high_freq_factor", 0.5), {"'rope_scaling.high_freq_factor' is 0.5", "more than"}, kInput, "llama"},
      {"llama3 without its factors", scaling("low_freq_factor", nullptr), {"'rope_scaling.low_freq_factor' is missing"}, kInput, "llama"},
      {"linear without factor", with_key("rope_scaling", {{"type", "linear"}}), {"'rope_scaling.factor' is missing"}},
      {"linear factor below one", with_key("rope_scaling", {{"type", "linear"}, {"factor", 0.5}}), {"'rope_scaling.factor' is 0.5"}},
      {"rope_scaling a string", with_key("rope_scaling", "linear"), {"'rope_scaling' is \"linear\"", "object"}},
      {"rope_theta no number", with_key("rope_parameters", {{"rope_theta", true}}), {"'rope_parameters.rope_theta' is true"}},
      {"more experts than can be meant",
       with_config([](Json& config) {
         config["num_local_experts"] = 65536;
         config["num_hidden_layers"] = 10;
       }),
       {"655360 experts together"}},
      {"more parameters than can be meant",
       with_config([](Json& config) {
         config["hidden_size"] = 1 << 20;
         config["intermediate_size"] = 1 << 24;
         config["num_hidden_layers"] = 10000;
       }),
       {"parameters"}},
  });
}

TEST(RefusedConfig, ValidButNotDoneHere) {
  expect_all_refused({
      {"unknown family", with_key("model_type", "mamba"), {"'model_type' is \"mamba\"", "llama", "mixtral", "qwen2_moe"}, kUnsupported},
      {"other activation", with_key("hidden_act", "gelu"), {"'hidden_act' is \"gelu\"", "silu"}, kUnsupported},
      {"quantized", with_key("quantization_config", {{"quant_method", "gptq"}, {"bits", 4}}), {"'quantization_config'", "gptq"}, kUnsupported},
      {"float64", with_key("torch_dtype", "float64"), {"'torch_dtype' is \"float64\""}, kUnsupported},
      {"float8", with_key("torch_dtype", "float8_e4m3fn"), {"float8_e4m3fn"}, kUnsupported},
      {"yarn", with_key("rope_scaling", {{"type", "yarn"}, {"factor", 4.0}}), {"'rope_scaling.rope_type' is \"yarn\"", "llama3"}, kUnsupported},
      {"dynamic", with_key("rope_scaling", {{"rope_type", "dynamic"}, {"factor", 4.0}}), {"\"dynamic\""}, kUnsupported},
      {"longrope", with_key("rope_parameters", {{"rope_type", "longrope"}, {"rope_theta", 1e6}}), {"\"longrope\""}, kUnsupported},
      {"partial rotation", with_key("rope_parameters", {{"rope_theta", 1e6}, {"partial_rotary_factor", 0.5}}), {"partial_rotary_factor"}, kUnsupported},
      {"rope by layer type", with_key("rope_parameters", {{"full_attention", {{"rope_type", "default"}}}}), {"'rope_parameters.full_attention'"}, kUnsupported},
      {"mixed layer types",
       with_config([](Json& config) {
         config["layer_types"] = {"full_attention", "sliding_attention"};
         config["sliding_window"] = 8;
       }),
       {"'layer_types' mixes"},
       kUnsupported},
      {"linear attention", with_key("layer_types", Json::array({"linear_attention", "linear_attention"})), {"linear_attention"}, kUnsupported},
      {"classifier",
       with_key("architectures", Json::array({"MixtralForSequenceClassification"})),
       {"'architectures'", "MixtralForSequenceClassification"},
       kUnsupported},
      {"per-layer width", with_key("per_layer_config", {{"1", {{"intermediate_size", 8}}}}), {"'per_layer_config.1.intermediate_size'"}, kUnsupported},
      {"mlp bias", with_key("mlp_bias", true), {"'mlp_bias' is true"}, kUnsupported, "llama"},
      {"mixture of windows", with_key("use_sliding_window", true), {"'use_sliding_window' is true"}, kUnsupported, "qwen2_moe"},
  });
}

// Texts that are no config at all.
TEST(RefusedConfig, BrokenFiles) {
  const auto text = [](const std::string& bytes) { return [bytes](TinyModel& model) { model.config_text = bytes; }; };
  const auto without = [](const std::string& key) { return with_config([key](Json& config) { config.erase(key); }); };
  const auto generation = [](const Json& json) { return [json](TinyModel& model) { model.generation = json; }; };
  const std::string valid = TinyModel().config.dump();
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  expect_all_refused({
      {"cut off", text(valid.substr(0, valid.size() / 2)), {"config.json", "not valid JSON"}},
      {"a list", text("[1, 2]"), {"config.json", "expected an object"}},
      {"a number", text("7"), {"config.json", "expected an object"}},
      {"duplicate key", text("{\"hidden_size\": 8, " + valid.substr(1)), {"config.json", "'hidden_size' stands twice"}},
      {"byte order mark", text("\xef\xbb\xbf" + valid), {"byte order mark"}},
      {"NaN", text("{\"x\": NaN, " + valid.substr(1)), {"not valid JSON"}},
      {"beyond double", text("{\"x\": 1e999, " + valid.substr(1)), {"range of a double"}},
      {"2^64", text("{\"x\": 18446744073709551616, " + valid.substr(1)), {"64 bits"}},
      {"nested deep", text("{\"x\": " + deep + ", " + valid.substr(1)), {"nested more than 64"}},
      {"a NUL behind", text(valid + std::string(1, '\0')), {"NUL"}},
      {"something behind", text(valid + "}"), {"not valid JSON"}},
      {"comments", text("// a comment\n" + valid), {"comments are not allowed"}},
      {"not UTF-8", text("{\"x\": \"\xff\", " + valid.substr(1)), {"UTF-8"}},
      {"git-lfs pointer", text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 600\n"), {"config.json", "git-lfs pointer", "git lfs pull"}},
      {"web page", text("<!DOCTYPE html><html><body>404</body></html>"), {"web page"}},
      {"no model_type", without("model_type"), {"'model_type' is missing", "mixtral"}},
      {"model_type a number", with_key("model_type", 7), {"'model_type' is 7"}},
      {"no hidden_size", without("hidden_size"), {"'hidden_size' is missing"}},
      {"no expert count", without("num_local_experts"), {"'num_local_experts' (or 'num_experts') is missing"}},
      {"dtype that is none", with_key("torch_dtype", "bf17"), {"'torch_dtype' is \"bf17\""}},
      {"architectures a string", with_key("architectures", "MixtralForCausalLM"), {"'architectures'"}},
      {"quantization a string", with_key("quantization_config", "int4"), {"'quantization_config'"}},
      {"generation config broken", generation({{"eos_token_id", "</s>"}}), {"generation_config.json", "'eos_token_id'"}},
      {"generation eos outside of the vocabulary", generation({{"eos_token_id", {2, 40}}}), {"generation_config.json", "is 40", "0 to 39"}},
      {"generation config a list", generation(Json::array({1})), {"generation_config.json", "object"}},
  });
}

}  // namespace
}  // namespace winnow::test
