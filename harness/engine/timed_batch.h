#pragma once
#include <cstdint>
#include <vector>

#include "harness/engine/model.h"

namespace winnow {

// Bytes of the weights that a model holds, those in host memory among them; tensors that several names share count once.
std::int64_t weight_bytes(const Model& model);

struct TimedBatchOptions {
  int new_tokens = 0;                // steps after the prompts; each gives a token to every sequence
  std::int64_t token_budget = 8192;  // rows of one pack of prompts
  enum class Counting { kOff, kOn } counting = Counting::kOff;
};

struct TimedBatch {
  std::int64_t prefill_tokens = 0, decode_tokens = 0, steps = 0;
  double prefill_seconds = 0, decode_seconds = 0;
  std::int64_t kv_bytes_per_token = 0;  // of the blocks that were filled
  // Means over the steps, where counted.
  std::vector<double> experts_touched;  // by layer: distinct experts that computed a row
  double expert_rows = 0;               // rows that experts computed, over all layers
  double weight_bytes = 0;              // read: what every step reads, touched experts (all that are streamed), one embedding row a sequence
};

// Prompts side by side, then greedy steps of all of them. `prompts` are not empty and neither is one of them.
TimedBatch run_timed_batch(const Model& model, const std::vector<std::vector<std::int32_t>>& prompts, const TimedBatchOptions& options);

}  // namespace winnow
