#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/engine/batch.h"

namespace winnow {

// Where the rows of each segment go in its kept block: after what the block held before the batch and what earlier segments of the
// batch append to it. Zero for segments that keep nothing.
std::vector<std::int64_t> append_offsets(const PackedBatch& batch);

// Writes keys and values [rows, kv_heads, head_dim] of one layer into the kept blocks, which grow by half when they are full. On devices blocks that
// step together come to lie in one store, so that a step writes all of them by one operator and attention reads them where they lie.
void append_to_blocks(const PackedBatch& batch, int layer, int layers, const at::Tensor& keys, const at::Tensor& values);

// Positions filled or asked for of one block's tensor, [kv_heads, length, head_dim] whatever its layout; a view.
at::Tensor block_positions(const at::Tensor& store, std::int64_t length);

// The store [rows, kv_heads, head_dim] in which all the tensors (of the device layout) lie, and the first row of each; nothing if there is no such store.
struct CommonStore {
  at::Tensor rows;
  std::vector<std::int64_t> begin;
};
std::optional<CommonStore> common_store(const std::vector<at::Tensor>& tensors);

// Moves one layer's keys or values of different blocks (of the device layout) into one such store, filled or not.
void lay_together(const std::vector<KvBlock*>& blocks, std::vector<at::Tensor> KvBlock::*side, int layer);

}  // namespace winnow
