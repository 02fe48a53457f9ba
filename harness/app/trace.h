#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/engine/model.h"

namespace winnow {

// What IDS.json holds: a list of lists of token ids. Throws Error(kInput) naming `source` and the prompt that is empty or has an id outside the
// vocabulary.
std::vector<std::vector<std::int32_t>> parse_token_lists(const Json& json, const std::string& source, const ModelConfig& config);

// Everything the forward pass of each prompt computes, alone and from position 0; i counts prompts, l layers, T tokens, E experts present:
//   prompt.i.input_ids I64 [T] · logits F32 [T, V] · hidden.l F32 [T, H] · final_norm F32 [T, H]
//   prompt.i.router.l.logits F32 [T, E] · router.l.experts I64 [T, k] · router.l.weights F32 [T, k] (0: skipped)
//   prompt.i.generated I64 [N] · generated_top_logit F32 [N] · generated_margin F32 [N]: greedy, with the cache, not stopped by EOS; if N > 0
// A bf16 model also gives prompt.i.logits_bf16 BF16 [T, V] and router.l.experts_bf16.
std::map<std::string, at::Tensor> trace_model(const Model& model, const std::vector<std::vector<std::int32_t>>& prompts, int tokens_to_generate);

}  // namespace winnow
