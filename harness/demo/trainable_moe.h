#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/json.h"

namespace winnow {

// Shape of the Mixtral that is trained. Defaults: 10.3 million parameters, 20.6 MB in bf16.
struct MoeShape {
  std::int64_t vocabulary = 1200, hidden = 192, layers = 4, heads = 6, kv_heads = 2, head_dim = 32;
  std::int64_t experts = 16, experts_per_token = 2, expert_width = 256, positions = 1024;
  double norm_epsilon = 1e-5, rope_theta = 10'000;

  OrderedJson to_config() const;  // config.json of Hugging Face's Mixtral
};

// One tensor that is learned. The optimizer keeps `master` in f32; the model multiplies with `working`, a leaf of the graph: matrices in bf16,
// norms and routers in f32.
struct TrainedTensor {
  std::string name;  // Hugging Face's; experts of a layer are stacked: "model.layers.0.block_sparse_moe.experts.gate_up" [experts, 2·width, hidden], ".down"
  at::Tensor master, working;
};

// Token rows to learn from: each position predicts the next id, and counts as much as its weight says. A document begins with BOS and sees itself only.
struct TrainingBatch {
  at::Tensor ids;      // [rows, length] int64
  at::Tensor targets;  // [rows, length] int64
  at::Tensor weights;  // [rows, length] f32; 0: not learned from
};

struct TrainingLoss {
  at::Tensor total;          // what backward() starts from: cross_entropy + balance_weight · balance
  at::Tensor cross_entropy;  // weighted mean, natural log
  at::Tensor balance;        // mean over layers of experts · Σ_e share of tokens · mean probability (Fedus et al., arXiv 2101.03961, eq. 4); 1 is even
};

// A Mixtral on libtorch's autograd.
class TrainableMoe {
 public:
  TrainableMoe(const MoeShape& shape, std::uint64_t seed);  // normal weights, the residual's outputs scaled down by depth

  TrainingLoss loss(const TrainingBatch& batch, double balance_weight) const;

  const MoeShape& shape() const { return shape_; }
  std::vector<TrainedTensor>& tensors() { return tensors_; }
  void refresh_working();  // after `master` changed

 private:
  struct Layer;
  const at::Tensor& working(std::size_t index) const { return tensors_[index].working; }
  at::Tensor attend(const Layer& layer, const at::Tensor& normed, const at::Tensor& seen) const;
  at::Tensor mix_experts(const Layer& layer, const at::Tensor& normed, at::Tensor& balance) const;

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
