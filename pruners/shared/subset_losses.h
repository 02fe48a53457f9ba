#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "harness/engine/model.h"

namespace winnow {

// One batch of tokens in one MoE layer, with what it takes to know the layer's output error for any set of dropped experts without running it again:
// of every token the outputs of its best k + r experts enter one small Gram matrix (Lu et al. 2402.14800 §3.2; dropping r experts can bring in no other).
class TokenGrams {
 public:
  // input [rows, hidden]: what the experts read; target [rows, hidden]: the output to come near to, shared expert's part taken off.
  TokenGrams(const RouterConfig& router, const MoeWeights& moe, const at::Tensor& input, const at::Tensor& target, std::int64_t most_dropped);

  // Frobenius norm of (target − output without the dropped experts), f64.
  double loss(const std::vector<bool>& is_dropped) const;

  // Norms for every candidate alone added to `is_dropped`, infinity for those already in it: one sweep over the tokens.
  std::vector<double> losses_of_adding(const std::vector<bool>& is_dropped) const;

 private:
  struct Choice;
  Choice choose(std::int64_t token, const std::vector<bool>& is_dropped, int also_dropped) const;
  double square_error(std::int64_t token, const Choice& choice) const;

  std::int64_t tokens_, experts_, places_, chosen_;
  bool renormalize_;
  std::vector<std::int32_t> order_;  // [tokens, places], experts by falling score
  std::vector<double> score_;        // [tokens, experts], exp(logit − largest logit)
  std::vector<double> gram_;         // [tokens, places + 1, places + 1]; the target is first
};

// Memory that TokenGrams of so many tokens holds.
std::int64_t gram_bytes(std::int64_t tokens, std::int64_t experts, std::int64_t chosen, std::int64_t most_dropped);

}  // namespace winnow
