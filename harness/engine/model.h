#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "harness/model/config.h"
#include "harness/model/weight_source.h"

namespace winnow {

// A matrix as the engine multiplies with it: out = x · weightᵀ + bias.
struct Linear {
  at::Tensor weight;  // [out, in], row-major
  at::Tensor bias;    // [out], or undefined
  std::int64_t out_features() const { return weight.size(0); }
  std::int64_t in_features() const { return weight.size(1); }
};

struct GatedMlp {  // down(silu(gate x) * up x)
  Linear gate, up;  // [width, hidden]
  Linear down;      // [hidden, width]
};

struct AttentionWeights {
  Linear query, key, value;  // [heads·d, hidden] [kv_heads·d, hidden] twice
  Linear output;             // [hidden, heads·d]
};

struct MoeWeights {
  at::Tensor router;  // [experts, hidden], f32
  std::vector<std::shared_ptr<const GatedMlp>> experts;  // those present, in router order; merged ones may be shared
  std::vector<int> original_index;                       // of each in the checkpoint
  std::optional<double> skip_beta;                       // Lu et al. §3.3: skip the later experts of a token by this threshold
  std::optional<GatedMlp> shared;
  at::Tensor shared_router;  // [1, hidden], f32; undefined: shared output is not gated
};

struct LayerWeights {
  at::Tensor attention_norm, mlp_norm;  // [hidden]
  AttentionWeights attention;
  std::optional<GatedMlp> dense;
  std::optional<MoeWeights> moe;
};

// The model as it runs: config of what is present (config.layers[l].experts counts those that stay) and the weights, resident on one device.
struct Model {
  ModelConfig config;
  at::ScalarType dtype;
  at::Device device = at::kCPU;
  at::Tensor embedding;   // [vocabulary, hidden]
  at::Tensor final_norm;  // [hidden]
  Linear output_head;     // [vocabulary, hidden]; the embedding where they are tied
  at::Tensor rope_frequencies;  // [head_dim / 2], f32, on the CPU
  std::vector<LayerWeights> layers;
};

struct LoadOptions {
  at::ScalarType dtype;
  at::Device device = at::kCPU;
  // Experts to load, by layer and ascending; empty, as a whole or for a layer: all. What is dropped is never read.
  std::vector<std::vector<int>> kept_experts;
};

// Reads and converts tensor after tensor in the order given; never holds a second copy of more than one tensor.
Model load_model(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, const LoadOptions& options);

// For walking a model layer by layer: one layer's weights, and a Model with nothing but its embedding.
LayerWeights load_layer(const ModelConfig& config, const std::vector<TensorSpec>& tensors, int layer, WeightSource& source, const LoadOptions& options);
// … or with nothing but final norm and output head.
Model load_head(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, const LoadOptions& options);
Model load_embedding(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, const LoadOptions& options);

}  // namespace winnow
