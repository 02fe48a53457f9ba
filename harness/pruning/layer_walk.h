#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "harness/engine/forward.h"
#include "harness/pruning/calibration.h"

namespace winnow {

struct LayerWalkOptions {
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
  std::size_t sequences_per_batch = 8;
};

// Takes calibration tokens through a model one layer at a time: one layer's weights and every token's hidden state are in memory, nothing else,
// so that a model larger than the machine can be calibrated, and a pruned layer can feed the next without starting again from the tokens.
//   for (LayerWalk walk(…); walk.enter_next_layer();) { walk.run(observer); }
class LayerWalk {
 public:
  LayerWalk(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, const CalibrationTokens& tokens,
            const LayerWalkOptions& options);

  // Loads the next layer; false after the last. A layer that was entered and not run is run first.
  bool enter_next_layer();
  int layer() const { return layer_; }
  at::Device device() const { return options_.device; }
  std::size_t batches() const { return batches_.size(); }
  std::int64_t sequences() const;
  // Sequence number (over all batches) of every row of a batch, int64 [rows].
  const at::Tensor& sequence_of_row(std::size_t batch) const { return sequences_[batch]; }

  // Runs the layer as loaded over all its inputs. The outputs of the last run go into the next layer; inputs stay until then, so that a layer can run again.
  void run(const std::function<Observer(std::size_t batch)>& observe = {});

  // Lets the weights of a layer that has run go before the next is entered; it cannot run again.
  void leave();

  // Loads the layer anew from another source (the checkpoint with this layer pruned), with that source's config and tensors.
  void reload(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source);

  const LayerWeights& weights() const { return model_.layers[layer_]; }
  // The residual stream that enters the layer, [rows, hidden].
  const at::Tensor& input(std::size_t batch) const { return inputs_[batch]; }

 private:
  void unload();
  void load(const std::vector<TensorSpec>& tensors, WeightSource& source);

  LayerWalkOptions options_;
  const std::vector<TensorSpec>& tensors_;
  WeightSource& source_;
  Model model_;  // one layer's weights at a time
  int layer_ = -1;
  std::vector<PackedBatch> batches_;
  std::vector<at::Tensor> sequences_, inputs_, outputs_;
};

}  // namespace winnow
