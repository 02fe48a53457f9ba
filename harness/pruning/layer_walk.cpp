#include "harness/pruning/layer_walk.h"

#include <ATen/ATen.h>
#include <malloc.h>

#include "harness/core/error.h"

namespace winnow {

LayerWalk::LayerWalk(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source, const CalibrationTokens& tokens,
                     const LayerWalkOptions& options)
    : options_(options),
      tensors_(tensors),
      source_(source),
      model_(load_embedding(config, tensors, source, {.dtype = options.dtype, .device = options.device})) {
  for (std::size_t begin = 0; begin < tokens.sequences.size(); begin += options.sequences_per_batch) {
    PackedBatch batch;
    std::vector<std::int64_t> sequence_of_row;
    for (std::size_t i = begin; i < std::min(begin + options.sequences_per_batch, tokens.sequences.size()); ++i) {
      const std::vector<std::int32_t>& sequence = tokens.sequences[i];
      batch.segments.push_back({.first_row = std::ssize(batch.tokens), .rows = std::ssize(sequence)});
      batch.tokens.insert(batch.tokens.end(), sequence.begin(), sequence.end());
      sequence_of_row.insert(sequence_of_row.end(), sequence.size(), static_cast<std::int64_t>(i));
    }
    for (const std::int32_t id : batch.tokens) {
      if (id < 0 || id >= config.vocabulary)
        throw input_error("calibration: token id {} is beyond the model's vocabulary of {}; tokenise with this model's tokenizer", id, config.vocabulary);
    }
    outputs_.push_back(embed(model_, batch));
    sequences_.push_back(at::tensor(sequence_of_row, at::kLong));
    batches_.push_back(std::move(batch));
  }
  model_.embedding.reset();
}

std::int64_t LayerWalk::sequences() const {
  std::int64_t count = 0;
  for (const PackedBatch& batch : batches_) count += std::ssize(batch.segments);
  return count;
}

bool LayerWalk::enter_next_layer() {
  if (layer_ >= 0 && outputs_.empty()) run();
  inputs_ = std::move(outputs_);
  outputs_.clear();
  if (layer_ >= 0) unload();
  if (++layer_ == std::ssize(model_.config.layers)) return false;
  load(tensors_, source_);
  return true;
}

void LayerWalk::run(const std::function<Observer(std::size_t batch)>& observe) {
  outputs_.clear();
  for (std::size_t batch = 0; batch < batches_.size(); ++batch) {
    outputs_.push_back(run_layer(model_, layer_, batches_[batch], inputs_[batch], observe ? observe(batch) : Observer{}));
  }
}

void LayerWalk::leave() {
  WINNOW_CHECK(!outputs_.empty());
  unload();
}

void LayerWalk::reload(const ModelConfig& config, const std::vector<TensorSpec>& tensors, WeightSource& source) {
  unload();
  model_.config.layers[layer_] = config.layers[layer_];
  load(tensors, source);
  outputs_.clear();
}

// malloc keeps what lies between blocks that stay, such as a layer's masks: over the layers that would come to the whole model.
void LayerWalk::unload() {
  model_.layers[layer_] = {};
  malloc_trim(0);
}

void LayerWalk::load(const std::vector<TensorSpec>& tensors, WeightSource& source) {
  model_.layers[layer_] = load_layer(model_.config, tensors, layer_, source, {.dtype = options_.dtype, .device = options_.device});
}

}  // namespace winnow
