#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "harness/model/config.h"
#include "harness/model/weight_source.h"

namespace winnow {

class ExpertStream;

// A matrix as the engine multiplies with it: out = x · weightᵀ + bias.
struct Linear {
  at::Tensor weight;  // [out, in], row-major
  at::Tensor bias;    // [out], or undefined
  std::int64_t out_features() const { return weight.size(0); }
};

struct GatedMlp {   // down(silu(gate x) * up x)
  Linear gate, up;  // [width, hidden]
  Linear down;      // [hidden, width]
};

struct AttentionWeights {
  Linear query, key, value;  // [heads·d, hidden] [kv_heads·d, hidden] twice
  Linear output;             // [hidden, heads·d]
};

// Matrices [stored, rows, columns] of which a zero takes one bit and any other weight one bit more than itself.
struct BitmapMatrices {
  std::int64_t stored = 0, rows = 0, columns = 0;
  at::Tensor bits;                  // uint8 [stored, rows · columns / 8], row-major, most significant first, 1 = not zero
  at::Tensor values;                // those that are not zero, in order
  at::Tensor row_begin;             // int64 [stored · rows]: first value of each row
  std::vector<std::int64_t> begin;  // [stored + 1], of each matrix, on the host
  std::int64_t nbytes() const;
};

// All experts of a layer in two tensors, for one product over all of them. The experts' own matrices are views of these, or empty where they are bitmaps.
// Where they are streamed all of these lie in host memory, page-locked, and only what the stream gives is multiplied with.
struct ExpertStack {
  at::Tensor gate_up;  // [stored, 2 · width, hidden]: gate, then up
  at::Tensor down;     // [stored, hidden, width]
  at::Tensor place;    // int64 [experts present]: which of the stored each runs with; undefined: its own, in order
  std::shared_ptr<const BitmapMatrices> packed_gate_up, packed_down;  // instead of the first two
  std::shared_ptr<ExpertStream> stream;                               // of all layers of the model; null: not streamed
  std::size_t in_stream = 0;                                          // which of its layers
};

struct MoeWeights {
  at::Tensor router;                                     // [experts, hidden], f32
  std::vector<std::shared_ptr<const GatedMlp>> experts;  // those present, in router order; merged ones may be shared
  std::vector<int> original_index;                       // of each in the checkpoint
  std::optional<double> skip_beta;                       // Lu et al. §3.3: skip the later experts of a token by this threshold
  std::optional<ExpertStack> stack;                      // on devices other than the CPU
  std::optional<GatedMlp> shared;
  at::Tensor shared_router;  // [1, hidden], f32; undefined: shared output is not gated
};

struct LayerWeights {
  at::Tensor attention_norm, mlp_norm;  // [hidden]
  AttentionWeights attention;
  std::optional<GatedMlp> dense;
  std::optional<MoeWeights> moe;
};

// The model as it runs: config of what is present (config.layers[l].experts counts those that stay) and the weights, resident on one device; experts that
// are streamed to it lie in the host's memory.
struct Model {
  ModelConfig config;
  at::ScalarType dtype;
  at::Device device = at::kCPU;
  at::Tensor embedding;         // [vocabulary, hidden]
  at::Tensor final_norm;        // [hidden]
  Linear output_head;           // [vocabulary, hidden]; the embedding where they are tied
  at::Tensor rope_frequencies;  // [head_dim / 2], f32, on the CPU
  std::vector<LayerWeights> layers;
};

struct LoadOptions {
  at::ScalarType dtype;
  at::Device device = at::kCPU;
  // How experts lie in memory: kBitmap saves what zeros take and expands one layer just before its products; kStreamed leaves them in the host's memory
  // and copies one layer after another to the device, for models that it has no room for. Neither on the CPU.
  enum class Experts { kDense, kBitmap, kStreamed } experts = Experts::kDense;
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
