#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "harness/model/config.h"
#include "harness/model/weight_source.h"

namespace winnow {

// A matrix as the engine multiplies with it: out = x · weightᵀ + bias. On CPUs a bf16 matrix is packed once for oneDNN and `weight` is then empty.
struct Linear {
  at::Tensor weight;  // [out, in], or undefined when packed
  at::Tensor packed;  // opaque, or undefined
  at::Tensor bias;    // [out], or undefined
  std::int64_t out_features = 0, in_features = 0;
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

// The model as it runs: config of what is present and the weights, resident on one device.
struct Model {
  ModelConfig config;
  at::ScalarType dtype;
  at::Device device = at::kCPU;
  at::Tensor embedding;   // [vocabulary, hidden]
  at::Tensor final_norm;  // [hidden]
  Linear output_head;     // [vocabulary, hidden]
  std::vector<LayerWeights> layers;
};

struct LoadOptions {
  at::ScalarType dtype;
  at::Device device = at::kCPU;
  // Experts to load, by layer and ascending; empty: all. What is dropped is never read.
  std::vector<std::vector<int>> kept_experts;
};

// Reads, converts and packs tensor after tensor; never holds a second copy of more than one tensor.
Model load_model(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, const LoadOptions& options);

}  // namespace winnow
