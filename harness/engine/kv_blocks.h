#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "harness/engine/batch.h"

namespace winnow {

// Where the rows of each segment go in its kept block: after what the block held before the batch and what earlier segments of the
// batch append to it. Zero for segments that keep nothing.
std::vector<std::int64_t> append_offsets(const PackedBatch& batch);

// Writes keys and values [rows, kv_heads, head_dim] of one layer into the kept blocks, which grow by half when they are full.
void append_to_blocks(const PackedBatch& batch, int layer, int layers, const at::Tensor& keys, const at::Tensor& values);

}  // namespace winnow
