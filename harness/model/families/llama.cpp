#include "harness/model/config_parts.h"
#include "harness/model/decoder_tensors.h"

namespace winnow {
namespace {

// Dense: every layer one gated MLP. The baseline without experts.
class Llama : public Family {
 public:
  std::vector<std::string> model_types() const override { return {"llama"}; }

  ModelConfig read(const Json& json) const override {
    const ConfigFields fields(json);
    ModelConfig config = read_common_parts(fields, {.rope_theta = 1e4, .architecture = "LlamaForCausalLM"});
    config.family = "llama";
    config.original = json;
    if (fields.boolean_or("mlp_bias", false)) throw unsupported_error("'mlp_bias' is true; MLPs with bias are not supported");
    const bool has_bias = fields.boolean_or("attention_bias", false);
    config.attention.qkv_bias = config.attention.output_bias = has_bias;
    config.attention.sliding_window = read_uniform_window(fields, std::nullopt, config.layers.size());
    const std::int64_t width = fields.integer("intermediate_size", kWidthRange);
    for (LayerConfig& layer : config.layers) layer = {.mlp = LayerConfig::Mlp::kDense, .dense_width = width};
    check_size(config);
    return config;
  }

  std::vector<TensorSpec> tensors(const ModelConfig& config) const override {
    return decoder_tensors(config, [&](LayerTensors& tensors, const LayerConfig& layer) { add_dense_mlp(tensors, config, layer); });
  }

  FusedNames fused_names(int) const override { return {}; }

  Json write_expert_counts(const Json& config, const std::vector<std::int64_t>&) const override { return config; }

  Json example_config() const override {
    return {{"architectures", {"LlamaForCausalLM"}},
            {"model_type", "llama"},
            {"hidden_size", 16},
            {"intermediate_size", 24},
            {"num_hidden_layers", 2},
            {"num_attention_heads", 4},
            {"num_key_value_heads", 2},
            {"head_dim", 6},
            {"vocab_size", 40},
            {"max_position_embeddings", 128},
            {"rms_norm_eps", 1e-5},
            {"rope_theta", 5e5},
            {"rope_scaling",
             {{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 64}}},
            {"attention_bias", true},
            {"mlp_bias", false},
            {"hidden_act", "silu"},
            {"tie_word_embeddings", true},
            {"torch_dtype", "float32"},
            {"bos_token_id", 1},
            {"eos_token_id", {2, 3}}};
  }
};

const Registration<Family> kRegistration{{
    .name = "llama",
    .summary = "Llama: dense, gated MLPs, grouped-query attention",
    .make = [](const Params&) -> std::unique_ptr<Family> { return std::make_unique<Llama>(); },
}};

}  // namespace
}  // namespace winnow
