#pragma once
#include <ATen/ATen.h>

#include <cmath>
#include <random>

#include "harness/core/json.h"
#include "harness/engine/forward.h"
#include "harness/model/family.h"
#include "tests/engine/test_device.h"

// Small models of random shape whose activations are of the size of real ones.
namespace winnow {

class WideWeights : public WeightSource {
 public:
  explicit WideWeights(std::uint64_t seed) : generator_(seed) {}

  at::Tensor read(const TensorSpec& spec) override {
    at::Tensor tensor = at::empty(spec.shape, at::kFloat);
    const bool norm = spec.role == Role::kAttentionNorm || spec.role == Role::kMlpNorm || spec.role == Role::kFinalNorm;
    std::normal_distribution<float> values(norm ? 1.0f : 0.0f, norm ? 0.1f : 1.0f / std::sqrt(static_cast<float>(spec.shape.back())));
    if (spec.role == Role::kEmbedding) values = std::normal_distribution<float>(0, 1);
    for (float* value = tensor.mutable_data_ptr<float>(); value != tensor.mutable_data_ptr<float>() + tensor.numel(); ++value) *value = values(generator_);
    read_.push_back(spec.name);
    return tensor;
  }
  std::uint64_t bytes_read() const override { return 0; }
  bool gives_away() const override { return true; }
  const std::vector<std::string>& names_read() const { return read_; }

 private:
  std::mt19937_64 generator_;
  std::vector<std::string> read_;
};

struct RandomShape {
  int hidden = 48, heads = 6, kv_heads = 2, layers = 2, experts = 5, top_k = 2, width = 24, vocabulary = 97;
  std::optional<int> window;
  std::string family = "mixtral";
};

inline Json config_of(const RandomShape& shape) {
  Json json = {{"model_type", shape.family},
               {"hidden_size", shape.hidden},
               {"num_attention_heads", shape.heads},
               {"num_key_value_heads", shape.kv_heads},
               {"num_hidden_layers", shape.layers},
               {"vocab_size", shape.vocabulary},
               {"intermediate_size", shape.width},
               {"rms_norm_eps", 1e-5},
               {"rope_theta", 10000.0},
               {"max_position_embeddings", 4096},
               {"hidden_act", "silu"},
               {"tie_word_embeddings", false},
               {"torch_dtype", "float32"}};
  if (shape.family == "mixtral") json.update({{"num_local_experts", shape.experts}, {"num_experts_per_tok", shape.top_k}});
  if (shape.family == "qwen2_moe") {
    json.update({{"num_experts", shape.experts},
                 {"num_experts_per_tok", shape.top_k},
                 {"moe_intermediate_size", shape.width},
                 {"decoder_sparse_step", 1},
                 {"shared_expert_intermediate_size", shape.width + 4},
                 {"norm_topk_prob", false},
                 {"mlp_only_layers", Json::array()},
                 {"use_sliding_window", false}});
  }
  if (shape.window && shape.family == "mixtral") json["sliding_window"] = *shape.window;
  return json;
}

inline Model random_model(const RandomShape& shape, std::uint64_t seed, at::ScalarType dtype = at::kFloat) {
  const Json json = config_of(shape);
  const auto family = family_of(json).make(Params{});
  const ModelConfig config = family->read(json);
  WideWeights weights(seed);
  return load_model(config, family->tensors(config), weights, {.dtype = dtype, .device = test::current_device()});
}

}  // namespace winnow
