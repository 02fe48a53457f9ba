#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/json.h"

namespace winnow {

// Shape of the Mixtral that is trained. Defaults: 11.7 million parameters, 23.4 MB in bf16.
struct MoeShape {
  std::int64_t vocabulary = 1200, hidden = 192, layers = 6, heads = 6, kv_heads = 2, head_dim = 32;
  std::int64_t experts = 16, experts_per_token = 2, expert_width = 192, positions = 1024;
  double norm_epsilon = 1e-5, rope_theta = 10'000;

  OrderedJson to_config() const;  // config.json of Hugging Face's Mixtral
};

// One tensor that is learned. The optimizer keeps `master` in f32; the model multiplies with `working`, a leaf of the graph: matrices in bf16,
// norms and routers in f32.
struct TrainedTensor {
  std::string name;  // Hugging Face's; experts of a layer are stacked: "model.layers.0.block_sparse_moe.experts.gate_up" [experts, 2·width, hidden], ".down"
  at::Tensor master, working;
};

// What is to be predicted from which positions, and what each prediction counts.
struct Predictions {
  at::Tensor positions;  // [n] int64, of a batch's rows laid end to end
  at::Tensor ids;        // [n] int64
  at::Tensor weights;    // [n] f32
};

// Token rows to learn from. A document begins with BOS and sees itself only.
struct TrainingBatch {
  at::Tensor ids;           // [rows, length] int64
  Predictions last, early;  // of the last layer and of the one on the way
};

// A layer on the way whose hidden state is read by the same norm and head and learns too (deep supervision; Elhoushi et al., arXiv 2404.16710, §4.2):
// what it predicts is known that early.
struct EarlyExit {
  std::int64_t layers = 3;  // after so many; 0: none
  double weight = 0.5;      // of its cross-entropy
};

struct TrainingLoss {
  at::Tensor total;          // what backward() starts from: cross_entropy + early's weight · early + balance_weight · balance
  at::Tensor cross_entropy;  // weighted mean, natural log
  at::Tensor early;          // the same of the layer on the way; 0 without one
  // Mean over layers and rows of experts · Σ_e share of visits · mean probability (Fedus et al., arXiv 2101.03961, eq. 4; of each sequence for itself,
  // DeepSeek-V3, arXiv 2412.19437, eq. 17–20); 1 is even. So prose alone and problems alone visit every expert, not only their mixture.
  at::Tensor balance;
};

// A Mixtral on libtorch's autograd.
class TrainableMoe {
 public:
  TrainableMoe(const MoeShape& shape, std::uint64_t seed);  // normal weights, the residual's outputs scaled down by depth

  TrainingLoss loss(const TrainingBatch& batch, double balance_weight, const EarlyExit& exit = {.layers = 0}) const;

  const MoeShape& shape() const { return shape_; }
  std::vector<TrainedTensor>& tensors() { return tensors_; }
  void refresh_working();  // after `master` changed

 private:
  struct Layer;
  const at::Tensor& working(std::size_t index) const { return tensors_[index].working; }
  at::Tensor normed(const at::Tensor& hidden, std::size_t weight) const;
  at::Tensor cross_entropy(const at::Tensor& hidden, const Predictions& predictions) const;
  at::Tensor attend(const Layer& layer, const at::Tensor& normed, const at::Tensor& seen) const;
  at::Tensor mix_experts(const Layer& layer, const at::Tensor& normed, std::int64_t rows, at::Tensor& balance) const;

  // Places in tensors_.
  struct Layer {
    std::size_t attention_norm, query, key, value, output, mlp_norm, router, gate_up, down;
  };

  MoeShape shape_;
  std::vector<TrainedTensor> tensors_;
  std::vector<Layer> layers_;
  std::size_t embedding_ = 0, final_norm_ = 0, output_head_ = 0;
};

}  // namespace winnow
