#include "harness/model/config_parts.h"
#include "harness/model/decoder_tensors.h"

namespace winnow {
namespace {

// Every layer MoE; softmax over all experts, top-k, always renormalized; no bias anywhere.
class Mixtral : public Family {
 public:
  std::vector<std::string> model_types() const override { return {"mixtral"}; }

  ModelConfig read(const Json& json) const override {
    const ConfigFields fields(json);
    ModelConfig config = read_common_parts(fields, {.rope_theta = 1e6, .architecture = "MixtralForCausalLM"});
    config.family = "mixtral";
    config.original = json;
    config.attention.sliding_window = read_uniform_window(fields, fields.find_integer("sliding_window", {1, INT32_MAX}), config.layers.size());
    const std::int64_t width = fields.integer("intermediate_size", kWidthRange);
    const ExpertCounts experts = read_expert_counts(fields, std::vector<bool>(config.layers.size(), true));
    config.router = {.experts_per_token = experts.experts_per_token, .renormalize = true};
    for (std::size_t layer = 0; layer < config.layers.size(); ++layer) {
      config.layers[layer] = {.mlp = LayerConfig::Mlp::kMoe, .experts = experts.by_layer[layer], .expert_width = width};
    }
    check_size(config);
    return config;
  }

  std::vector<TensorSpec> tensors(const ModelConfig& config) const override {
    return decoder_tensors(config, [&](LayerTensors& tensors, const LayerConfig& layer) {
      tensors.add(Role::kRouter, "block_sparse_moe.gate.weight", {layer.experts, config.hidden});
      for (int expert = 0; expert < layer.experts; ++expert) {
        const std::string prefix = "block_sparse_moe.experts." + std::to_string(expert) + ".";
        tensors.add_gated_mlp({Role::kExpertGate, Role::kExpertUp, Role::kExpertDown}, {prefix + "w1.weight", prefix + "w3.weight", prefix + "w2.weight"},
                              layer.expert_width, config.hidden, expert);
      }
    });
  }

  FusedNames fused_names(int layer) const override {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".mlp.";
    return {.gate_up = prefix + "experts.gate_up_proj", .down = prefix + "experts.down_proj", .router = prefix + "gate.weight"};
  }

  Json write_expert_counts(const Json& config, const std::vector<std::int64_t>& counts) const override {
    return write_expert_counts_to(config, counts, "num_local_experts");
  }

  Json example_config() const override {
    return {{"architectures", {"MixtralForCausalLM"}},
            {"model_type", "mixtral"},
            {"hidden_size", 16},
            {"intermediate_size", 24},
            {"num_hidden_layers", 2},
            {"num_attention_heads", 4},
            {"num_key_value_heads", 2},
            {"num_local_experts", 4},
            {"num_experts_per_tok", 2},
            {"vocab_size", 40},
            {"max_position_embeddings", 128},
            {"rms_norm_eps", 1e-5},
            {"rope_theta", 1e6},
            {"sliding_window", nullptr},
            {"hidden_act", "silu"},
            {"tie_word_embeddings", false},
            {"torch_dtype", "bfloat16"},
            {"bos_token_id", 1},
            {"eos_token_id", 2}};
  }
};

const Registration<Family> kRegistration{{
    .name = "mixtral",
    .summary = "Mixtral: every layer MoE, top-k of softmax, renormalized",
    .make = [](const Params&) -> std::unique_ptr<Family> { return std::make_unique<Mixtral>(); },
}};

}  // namespace
}  // namespace winnow
