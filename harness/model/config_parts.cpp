#include "harness/model/config_parts.h"

#include <algorithm>
#include <map>

#include "harness/core/error.h"

namespace winnow {
namespace {

constexpr IntegerRange kHeadRange{1, 65'536};
constexpr IntegerRange kPositionRange{1, std::int64_t{1} << 40};

std::string lower_ascii(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return c < 128 ? std::tolower(c) : c; });
  return text;
}

void check_architecture(const ConfigFields& fields, const char* expected) {
  if (!fields.has("architectures")) return;
  const Json& classes = fields.raw("architectures");
  if (!classes.is_array()) throw input_error("'architectures' is {}; expected a list such as [\"{}\"]", quoted(classes), expected);
  if (classes.empty()) return;
  bool is_causal = false;
  for (const Json& name : classes) {
    if (!name.is_string()) throw input_error("'architectures' holds {}; expected names such as \"{}\"", quoted(name), expected);
    // Early conversions wrote LLaMAForCausalLM.
    if (lower_ascii(name.get<std::string>()) == lower_ascii(expected)) return;
    is_causal = is_causal || name.get<std::string>().ends_with("ForCausalLM");
  }
  if (is_causal)
    throw input_error("'architectures' is {}, but 'model_type' is {}, which goes with {}", quoted(classes), quoted(fields.raw("model_type")), expected);
  throw unsupported_error("'architectures' is {}; only language models ({}) are run", quoted(classes), expected);
}

void check_plain_weights(const ConfigFields& fields) {
  if (!fields.has("quantization_config")) return;
  const ConfigFields quantization = fields.object("quantization_config");
  const std::string method = quantization.find_string("quant_method").value_or("of an unnamed kind");
  throw unsupported_error("'quantization_config' says the weights are quantized ({}); only f32, f16 and bf16 weights are read", quoted(Json(method)));
}

void check_activation(const ConfigFields& fields) {
  for (const char* key : {"hidden_act", "hidden_activation"}) {
    const std::optional<std::string> name = fields.find_string(key);
    if (name && *name != "silu" && *name != "swish") throw unsupported_error("'{}' is {}; only \"silu\" is supported", key, quoted(Json(*name)));
  }
}

std::string dtype_word(const std::string& key, std::string name) {
  if (name.starts_with("torch.")) name = name.substr(6);
  if (name == "float32" || name == "float") return "f32";
  if (name == "float16" || name == "half") return "f16";
  if (name == "bfloat16") return "bf16";
  if (name == "float64" || name == "double" || name.starts_with("float8")) {
    throw unsupported_error("'{}' is {}; only float32, float16 and bfloat16 weights are read", key, quoted(Json(name)));
  }
  throw input_error("'{}' is {}; expected \"float32\", \"float16\" or \"bfloat16\"", key, quoted(Json(name)));
}

std::string read_dtype(const ConfigFields& fields) {
  std::string found;
  for (const char* key : {"torch_dtype", "dtype"}) {
    const std::optional<std::string> name = fields.find_string(key);
    if (!name) continue;
    const std::string word = dtype_word(key, *name);
    if (!found.empty() && found != word) {
      throw input_error("'torch_dtype' is {}, but 'dtype' is {}; they must say the same", quoted(fields.raw("torch_dtype")), quoted(fields.raw("dtype")));
    }
    found = word;
  }
  return found.empty() ? "f32" : found;  // what transformers makes of a config that says nothing
}

AttentionConfig read_attention(const ConfigFields& fields, std::int64_t hidden) {
  AttentionConfig attention;
  attention.heads = fields.integer("num_attention_heads", kHeadRange);
  attention.kv_heads = fields.integer_or("num_key_value_heads", kHeadRange, attention.heads);
  if (attention.heads % attention.kv_heads != 0) {
    throw input_error("'num_key_value_heads' is {}, which does not divide 'num_attention_heads' ({})", attention.kv_heads, attention.heads);
  }
  if (const auto head_dim = fields.find_integer("head_dim", kHeadRange)) {
    attention.head_dim = *head_dim;
  } else if (hidden % attention.heads != 0) {
    throw input_error("'num_attention_heads' is {}, which does not divide 'hidden_size' ({}), and there is no 'head_dim'", attention.heads, hidden);
  } else {
    attention.head_dim = hidden / attention.heads;
  }
  if (attention.head_dim % 2 != 0) {
    throw input_error("'head_dim' ('hidden_size' over 'num_attention_heads' where it is not given) is {}; rotary positions need an even number",
                      attention.head_dim);
  }
  return attention;
}

}  // namespace

ModelConfig read_common_parts(const ConfigFields& fields, const PartDefaults& defaults) {
  check_architecture(fields, defaults.architecture);
  check_plain_weights(fields);
  check_activation(fields);
  ModelConfig config;
  config.model_type = *fields.find_string("model_type");
  config.layers.resize(static_cast<std::size_t>(fields.integer("num_hidden_layers", kLayerRange)));
  config.hidden = fields.integer("hidden_size", {1, 1 << 20});
  config.vocabulary = fields.integer("vocab_size", kWidthRange);
  config.max_positions = fields.integer("max_position_embeddings", kPositionRange);
  config.norm_epsilon = fields.number("rms_norm_eps", 1e-30, 1);
  config.tied_embeddings = fields.boolean_or("tie_word_embeddings", false);
  config.dtype = read_dtype(fields);
  config.attention = read_attention(fields, config.hidden);
  config.attention.rope = read_rope(fields, defaults.rope_theta, config.max_positions);
  const IntegerRange ids{0, config.vocabulary - 1};
  config.bos_id = fields.find_integer("bos_token_id", ids);
  config.eos_ids = fields.integers("eos_token_id", ids);
  return config;
}

std::optional<std::int64_t> read_uniform_window(const ConfigFields& fields, std::optional<std::int64_t> window, std::size_t layers) {
  if (!fields.has("layer_types")) return window;
  const Json& kinds = fields.raw("layer_types");
  if (!kinds.is_array() || kinds.size() != layers) {
    throw input_error("'layer_types' is {}; expected a list of {} (num_hidden_layers) names", quoted(kinds), layers);
  }
  for (const Json& kind : kinds) {
    if (kind != "full_attention" && kind != "sliding_attention")
      throw unsupported_error("'layer_types' holds {}; only \"full_attention\" and \"sliding_attention\" are known", quoted(kind));
    if (kind != kinds[0]) throw unsupported_error("'layer_types' mixes full and sliding attention, which is not supported yet");
  }
  const bool is_sliding = kinds[0] == "sliding_attention";
  if (is_sliding && !window) throw input_error("'layer_types' says \"sliding_attention\", but there is no 'sliding_window'");
  if (!is_sliding && window) throw input_error("'sliding_window' is {}, but 'layer_types' says \"full_attention\"", *window);
  return window;
}

void check_size(const ModelConfig& config) {
  double count = 2.0 * static_cast<double>(config.vocabulary * config.hidden);
  double experts = 0;
  for (const LayerConfig& layer : config.layers) {
    const double hidden = static_cast<double>(config.hidden);
    count += 4 * hidden * static_cast<double>(config.attention.heads * config.attention.head_dim);
    count += 3 * hidden * static_cast<double>(layer.dense_width + layer.shared_width + layer.experts * layer.expert_width);
    experts += static_cast<double>(layer.experts);
  }
  if (count > 1e15) throw input_error("the sizes make {:.1e} parameters; no more than 1e15 can be meant", count);
  if (experts > 100'000) throw input_error("the layers have {:.0f} experts together; no more than 100000 can be meant", experts);
}

}  // namespace winnow
