#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "harness/engine/batch.h"
#include "harness/engine/model.h"
#include "harness/engine/observer.h"

namespace winnow {

// Layer-major: embed, then every layer over all rows, then norm and logits of the rows somebody asked for.

at::Tensor embed(const Model& model, const PackedBatch& batch);  // [rows, hidden]

// Takes the residual stream through one layer: hidden [rows, hidden] → the same. After the last layer of a batch call finish_batch.
at::Tensor run_layer(const Model& model, int layer, const PackedBatch& batch, at::Tensor hidden, const Observer& observer = {});

// Makes the positions that were appended to kept blocks countable (KvBlock::length).
void finish_batch(const PackedBatch& batch);

at::Tensor final_norm(const Model& model, const at::Tensor& hidden);  // [rows, hidden] → the same
at::Tensor logits(const Model& model, const at::Tensor& normed);      // [rows, hidden] → [rows, vocabulary], the model's dtype

// All of it: the final-normed rows named (ascending), [wanted, hidden]. Throws std::runtime_error naming position and first layer if one of
// them is not finite.
at::Tensor forward(const Model& model, const PackedBatch& batch, const std::vector<std::int64_t>& wanted_rows, const Observer& observer = {});

struct TokenScore {
  double log_probability;  // natural log, log-softmax in f32
  bool is_greedy;          // the token is the (first) argmax
};
// log p(target of each row), in chunks: never all logits of all rows. Throws std::runtime_error naming the row if a logit is not finite.
std::vector<TokenScore> score_rows(const Model& model, const at::Tensor& normed, const std::vector<std::int32_t>& targets);

// The (first) argmax of each row, in chunks. Throws as score_rows.
std::vector<std::int32_t> greedy_tokens(const Model& model, const at::Tensor& normed);

// forward() for a device that nobody waits for: what is not finite is left for the reader to find.
at::Tensor launch_forward(const Model& model, const PackedBatch& batch, const std::vector<std::int64_t>& wanted_rows, const Observer& observer = {});

// What a reader of rows that were launched has to know of each, f64 [rows, 3] on the device, by its path: 1 where the row is finite, else 0; the log-sum
// of its logits, finite where they are; the (first) argmax. Waits for nothing.
at::Tensor greedy_numbers(const Model& model, const at::Tensor& normed);

// Runs the batch again, keeping nothing, and throws std::runtime_error naming position and first layer that is not finite in a row. For callers
// that go layer by layer themselves and met a non-finite value.
[[noreturn]] void throw_non_finite(const Model& model, const PackedBatch& batch, std::int64_t row);

// Throws what score_rows throws.
[[noreturn]] void throw_non_finite_logits(std::int64_t row);

}  // namespace winnow
