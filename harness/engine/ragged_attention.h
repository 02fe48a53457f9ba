#pragma once
#include <ATen/core/Tensor.h>

#include "harness/engine/device_batch.h"

namespace winnow {

// What some queries found in some of their keys, and how much of it there was: two such parts over different keys make the whole.
struct AttentionPart {
  at::Tensor mixed;    // [queries, heads, head_dim]
  at::Tensor log_sum;  // [heads, queries], f32: log Σ exp(score)
};

enum class Sees { kAll, kCausal };  // kCausal: queries are the last positions of their keys' run

// query [queries, heads, head_dim], keys and values [positions, kv_heads, head_dim]. By libtorch's fused kernel where there is one for the dtype and
// device, else run by run by operators.
AttentionPart attend_runs(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values, const Runs& runs, Sees sees);

// The same by operators alone, in f32.
AttentionPart attend_runs_by_operators(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values, const Runs& runs, Sees sees);

// Both over disjoint keys of the same queries; f32.
AttentionPart join(const AttentionPart& a, const AttentionPart& b);

// attend() of attention.h over a batch laid out for a device.
at::Tensor attend_laid_out(DeviceBatch& layout, int layer, const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values);

}  // namespace winnow
