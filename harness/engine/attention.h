#pragma once
#include <ATen/core/Tensor.h>

#include "harness/engine/batch.h"
#include "harness/model/config.h"

namespace winnow {

// Causal grouped-query attention of every segment over its context (already appended blocks included) and its own rows.
// query [rows, heads, head_dim], keys and values of the batch's own rows [rows, kv_heads, head_dim] → [rows, heads · head_dim].
at::Tensor attend(const AttentionConfig& config, const PackedBatch& batch, int layer, const at::Tensor& query, const at::Tensor& keys,
                  const at::Tensor& values);

}  // namespace winnow
