#pragma once
#include <cstdint>
#include <string>

#include "harness/model/config.h"

namespace winnow::test {

// A Mixtral for random weights: 4 heads over 2 key-value heads, two experts a token.
inline ModelConfig small_mixtral(std::int64_t layers, std::int64_t experts, std::int64_t hidden, std::int64_t expert_width, const std::string& dtype) {
  ModelConfig config{.family = "mixtral", .model_type = "mixtral", .hidden = hidden, .vocabulary = 64, .max_positions = 128};
  config.attention = {.heads = 4, .kv_heads = 2, .head_dim = hidden / 4};
  config.router.experts_per_token = 2;
  config.dtype = dtype;
  config.layers.assign(static_cast<std::size_t>(layers), {.mlp = LayerConfig::Mlp::kMoe, .experts = experts, .expert_width = expert_width});
  return config;
}

}  // namespace winnow::test
