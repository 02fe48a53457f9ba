#include "harness/model/config.h"

namespace winnow {
namespace {

std::int64_t gated_mlp_parameters(std::int64_t hidden, std::int64_t width) { return 3 * hidden * width; }

std::int64_t attention_parameters(const ModelConfig& config) {
  const AttentionConfig& attention = config.attention;
  const std::int64_t query_width = attention.heads * attention.head_dim;
  const std::int64_t kv_width = attention.kv_heads * attention.head_dim;
  std::int64_t count = 2 * config.hidden * query_width + 2 * config.hidden * kv_width;
  if (attention.qkv_bias) count += query_width + 2 * kv_width;
  if (attention.output_bias) count += config.hidden;
  return count;
}

std::int64_t layer_parameters(const ModelConfig& config, const LayerConfig& layer, std::int64_t experts_counted) {
  std::int64_t count = attention_parameters(config) + 2 * config.hidden;
  if (layer.mlp == LayerConfig::Mlp::kDense) return count + gated_mlp_parameters(config.hidden, layer.dense_width);
  count += layer.experts * config.hidden;  // router
  count += experts_counted * gated_mlp_parameters(config.hidden, layer.expert_width);
  if (layer.shared_width > 0) count += gated_mlp_parameters(config.hidden, layer.shared_width) + (layer.shared_gate ? config.hidden : 0);
  return count;
}

std::int64_t embedding_parameters(const ModelConfig& config) { return config.vocabulary * config.hidden * (config.tied_embeddings ? 1 : 2) + config.hidden; }

}  // namespace

std::int64_t ModelConfig::moe_layers() const {
  std::int64_t count = 0;
  for (const LayerConfig& layer : layers) count += layer.mlp == LayerConfig::Mlp::kMoe;
  return count;
}

std::int64_t ModelConfig::parameters() const {
  std::int64_t count = embedding_parameters(*this);
  for (const LayerConfig& layer : layers) count += layer_parameters(*this, layer, layer.experts);
  return count;
}

std::int64_t ModelConfig::active_parameters() const {
  std::int64_t count = embedding_parameters(*this);
  for (const LayerConfig& layer : layers) count += layer_parameters(*this, layer, std::min(layer.experts, router.experts_per_token));
  return count;
}

}  // namespace winnow
