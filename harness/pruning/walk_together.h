#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/pruning/layer_walk.h"

namespace winnow {

// A model as some plan leaves it. The references must outlive the walk.
struct WalkedModel {
  const ModelConfig& config;
  const std::vector<TensorSpec>& tensors;
  WeightSource& weights;
  bool is_dense = false;     // the dense model itself: not walked again
  bool shares_head = false;  // with the dense model: final norm and output head are as they were
};

// Takes dense model and variants through the layers side by side over the same tokens, one layer of one model in memory at a time. In memory are the hidden
// states of all tokens for every model, twice while a layer runs, so that callers bound the tokens of one walk: bytes_per_token.
struct TogetherWalk {
  WalkedModel dense;
  std::vector<WalkedModel> variants;
  LayerWalkOptions options;
  std::function<void(std::size_t variant, const std::string& reason)> on_failed;  // that variant's results end here
  std::function<void()> on_step;                                                  // before every layer of every model: config.layers · (1 + variants)
};

std::int64_t bytes_per_token(const TogetherWalk& walk);

// One token predicted by the dense model and by a variant: see ComparedToken in api/measure.h.
struct TokenComparison {
  double divergence, dense_log_probability, variant_log_probability;
  bool same_top;
};
// The predicted tokens of a sequence are [first_predicted, end). on_sequence gets them in order, sequences in order for each variant. Logits are made for
// a chunk of rows at a time and never kept.
void walk_to_tokens(const TogetherWalk& walk, const CalibrationTokens& tokens, const std::vector<std::size_t>& first_predicted,
                    const std::function<void(std::size_t variant, std::size_t sequence, const std::vector<TokenComparison>& predicted)>& on_sequence);

// Sums over tokens of what a MoE layer gives: see LayerComparison in api/measure.h.
struct MoeComparison {
  int layer = 0;
  double dense_squares = 0, same_input_squares = 0, own_input_squares = 0;
  std::vector<std::int64_t> dense_load, variant_load;
};
// By variant, then by MoE layer; empty for variants that failed.
std::vector<std::vector<MoeComparison>> walk_moe_layers(const TogetherWalk& walk, const CalibrationTokens& tokens);

}  // namespace winnow
