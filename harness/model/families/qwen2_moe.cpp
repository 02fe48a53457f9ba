#include <algorithm>

#include "harness/model/config_parts.h"
#include "harness/model/decoder_tensors.h"

namespace winnow {
namespace {

// A gated shared expert beside the routed ones; bias on query, key and value; some layers dense.
class Qwen2Moe : public Family {
 public:
  std::vector<std::string> model_types() const override { return {"qwen2_moe"}; }

  ModelConfig read(const Json& json) const override {
    const ConfigFields fields(json);
    ModelConfig config = read_common_parts(fields, {.rope_theta = 1e4, .architecture = "Qwen2MoeForCausalLM"});
    config.family = "qwen2_moe";
    config.original = json;
    config.attention.qkv_bias = fields.boolean_or("qkv_bias", true);
    config.attention.sliding_window = read_window(fields, config.layers.size());
    const std::vector<bool> is_moe = moe_layers(fields, config.layers.size());
    const ExpertCounts experts = read_expert_counts(fields, is_moe);
    config.router = {.experts_per_token = experts.experts_per_token, .renormalize = fields.boolean_or("norm_topk_prob", false)};
    const std::int64_t dense_width = fields.integer("intermediate_size", kWidthRange);
    const std::int64_t expert_width = fields.integer("moe_intermediate_size", kWidthRange);
    const std::int64_t shared_width = fields.integer("shared_expert_intermediate_size", kWidthRange);
    for (std::size_t layer = 0; layer < config.layers.size(); ++layer) {
      if (is_moe[layer]) {
        config.layers[layer] = {
            .mlp = LayerConfig::Mlp::kMoe, .experts = experts.by_layer[layer], .expert_width = expert_width, .shared_width = shared_width, .shared_gate = true};
      } else {
        config.layers[layer] = {.mlp = LayerConfig::Mlp::kDense, .dense_width = dense_width};
      }
    }
    check_size(config);
    return config;
  }

  std::vector<TensorSpec> tensors(const ModelConfig& config) const override {
    return decoder_tensors(config, [&](LayerTensors& tensors, const LayerConfig& layer) {
      if (layer.mlp == LayerConfig::Mlp::kDense) return add_dense_mlp(tensors, config, layer);
      tensors.add(Role::kRouter, "mlp.gate.weight", {layer.experts, config.hidden});
      for (int expert = 0; expert < layer.experts; ++expert) {
        const std::string prefix = "mlp.experts." + std::to_string(expert) + ".";
        tensors.add_gated_mlp({Role::kExpertGate, Role::kExpertUp, Role::kExpertDown},
                              {prefix + "gate_proj.weight", prefix + "up_proj.weight", prefix + "down_proj.weight"}, layer.expert_width, config.hidden, expert);
      }
      tensors.add_gated_mlp({Role::kSharedGate, Role::kSharedUp, Role::kSharedDown},
                            {"mlp.shared_expert.gate_proj.weight", "mlp.shared_expert.up_proj.weight", "mlp.shared_expert.down_proj.weight"},
                            layer.shared_width, config.hidden);
      tensors.add(Role::kSharedRouter, "mlp.shared_expert_gate.weight", {1, config.hidden});
    });
  }

  FusedNames fused_names(int layer) const override {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".mlp.";
    return {.gate_up = prefix + "experts.gate_up_proj", .down = prefix + "experts.down_proj", .router = prefix + "gate.weight"};
  }

  Json write_expert_counts(const Json& config, const std::vector<std::int64_t>& counts) const override {
    return write_expert_counts_to(config, counts, "num_experts");
  }

  Json example_config() const override {
    return {{"architectures", {"Qwen2MoeForCausalLM"}},
            {"model_type", "qwen2_moe"},
            {"hidden_size", 16},
            {"intermediate_size", 24},
            {"moe_intermediate_size", 8},
            {"shared_expert_intermediate_size", 12},
            {"num_hidden_layers", 3},
            {"mlp_only_layers", {1}},
            {"decoder_sparse_step", 1},
            {"num_attention_heads", 4},
            {"num_key_value_heads", 4},
            {"num_experts", 6},
            {"num_experts_per_tok", 3},
            {"norm_topk_prob", false},
            {"vocab_size", 40},
            {"max_position_embeddings", 128},
            {"rms_norm_eps", 1e-6},
            {"rope_theta", 1e6},
            {"sliding_window", 32},
            {"use_sliding_window", false},
            {"max_window_layers", 2},
            {"hidden_act", "silu"},
            {"tie_word_embeddings", false},
            {"torch_dtype", "bfloat16"},
            {"bos_token_id", 1},
            {"eos_token_id", 2}};
  }

 private:
  static std::vector<bool> moe_layers(const ConfigFields& fields, std::size_t layers) {
    const std::int64_t step = fields.integer_or("decoder_sparse_step", kLayerRange, 1);
    const std::vector<std::int64_t> dense = fields.integers("mlp_only_layers", {0, static_cast<std::int64_t>(layers) - 1});
    std::vector<bool> is_moe(layers);
    for (std::size_t layer = 0; layer < layers; ++layer) is_moe[layer] = (static_cast<std::int64_t>(layer) + 1) % step == 0;
    for (const std::int64_t layer : dense) is_moe[static_cast<std::size_t>(layer)] = false;
    return is_moe;
  }

  // transformers 5 writes 0 for a window that is switched off, and without layer_types its releases disagree which layers slide.
  static std::optional<std::int64_t> read_window(const ConfigFields& fields, std::size_t layers) {
    const auto window = fields.find_integer("sliding_window", {0, INT32_MAX});
    if (!fields.boolean_or("use_sliding_window", false)) return read_uniform_window(fields, std::nullopt, layers);
    if (!fields.has("layer_types")) throw unsupported_error("'use_sliding_window' is true, which windows some of the layers; that is not supported yet");
    if (!window || *window == 0) throw input_error("'use_sliding_window' is true, but there is no 'sliding_window'");
    return read_uniform_window(fields, window, layers);
  }
};

const Registration<Family> kRegistration{{
    .name = "qwen2_moe",
    .summary = "Qwen2-MoE (Qwen1.5-MoE-A2.7B): gated shared expert, biased attention, dense layers between",
    .make = [](const Params&) -> std::unique_ptr<Family> { return std::make_unique<Qwen2Moe>(); },
}};

}  // namespace
}  // namespace winnow
