#include "harness/model/decoder_tensors.h"

namespace winnow {
namespace {

void add_attention(LayerTensors& tensors, const ModelConfig& config) {
  const AttentionConfig& attention = config.attention;
  const std::int64_t query_width = attention.heads * attention.head_dim;
  const std::int64_t kv_width = attention.kv_heads * attention.head_dim;
  tensors.add(Role::kQuery, "self_attn.q_proj.weight", {query_width, config.hidden});
  tensors.add(Role::kKey, "self_attn.k_proj.weight", {kv_width, config.hidden});
  tensors.add(Role::kValue, "self_attn.v_proj.weight", {kv_width, config.hidden});
  if (attention.qkv_bias) {
    tensors.add(Role::kQueryBias, "self_attn.q_proj.bias", {query_width});
    tensors.add(Role::kKeyBias, "self_attn.k_proj.bias", {kv_width});
    tensors.add(Role::kValueBias, "self_attn.v_proj.bias", {kv_width});
  }
  tensors.add(Role::kOutput, "self_attn.o_proj.weight", {config.hidden, query_width});
  if (attention.output_bias) tensors.add(Role::kOutputBias, "self_attn.o_proj.bias", {config.hidden});
}

}  // namespace

std::vector<TensorSpec> decoder_tensors(const ModelConfig& config, const std::function<void(LayerTensors&, const LayerConfig&)>& add_mlp) {
  std::vector<TensorSpec> all;
  all.push_back({.role = Role::kEmbedding, .name = "model.embed_tokens.weight", .shape = {config.vocabulary, config.hidden}});
  for (std::size_t layer = 0; layer < config.layers.size(); ++layer) {
    LayerTensors tensors(all, static_cast<int>(layer));
    tensors.add(Role::kAttentionNorm, "input_layernorm.weight", {config.hidden});
    add_attention(tensors, config);
    tensors.add(Role::kMlpNorm, "post_attention_layernorm.weight", {config.hidden});
    add_mlp(tensors, config.layers[layer]);
  }
  all.push_back({.role = Role::kFinalNorm, .name = "model.norm.weight", .shape = {config.hidden}});
  if (!config.tied_embeddings) all.push_back({.role = Role::kOutputHead, .name = "lm_head.weight", .shape = {config.vocabulary, config.hidden}});
  return all;
}

void add_dense_mlp(LayerTensors& tensors, const ModelConfig& config, const LayerConfig& layer) {
  tensors.add_gated_mlp({Role::kDenseGate, Role::kDenseUp, Role::kDenseDown}, {"mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"},
                        layer.dense_width, config.hidden);
}

}  // namespace winnow
