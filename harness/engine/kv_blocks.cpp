#include "harness/engine/kv_blocks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "harness/core/error.h"

namespace winnow {
namespace {

void reserve(at::Tensor& store, std::int64_t used, std::int64_t needed, const at::Tensor& like) {
  const std::int64_t capacity = store.defined() ? store.size(1) : 0;
  if (needed <= capacity) return;
  // A prefix is filled once and gets what it needs; what grows token by token grows by half.
  const std::int64_t grown = capacity == 0 ? needed : std::max(needed, capacity + capacity / 2 + 16);
  at::Tensor larger = at::empty({like.size(1), grown, like.size(2)}, like.options());
  if (used > 0) larger.narrow(1, 0, used).copy_(store.narrow(1, 0, used));
  store = larger;
}

void append(at::Tensor& store, std::int64_t offset, const at::Tensor& rows, const Segment& segment) {
  if (!rows.is_cpu()) {
    store.narrow(1, offset, segment.rows).copy_(rows.narrow(0, segment.first_row, segment.rows).transpose(0, 1));
    return;
  }
  // Steps of many sequences append one row each: a tensor operation for every one of them would cost more than the attention.
  const std::size_t bytes = static_cast<std::size_t>(rows.size(2)) * rows.element_size();
  const char* from = static_cast<const char*>(rows.const_data_ptr()) + segment.first_row * rows.size(1) * bytes;
  for (std::int64_t head = 0; head < rows.size(1); ++head) {
    char* to = static_cast<char*>(store.mutable_data_ptr()) + (head * store.size(1) + offset) * bytes;
    for (std::int64_t row = 0; row < segment.rows; ++row) std::memcpy(to + row * bytes, from + (row * rows.size(1) + head) * bytes, bytes);
  }
}

}  // namespace

std::vector<std::int64_t> append_offsets(const PackedBatch& batch) {
  std::vector<std::int64_t> offsets;
  offsets.reserve(batch.segments.size());
  std::unordered_map<const KvBlock*, std::int64_t> filled;
  for (const Segment& segment : batch.segments) {
    if (segment.kept == nullptr) {
      offsets.push_back(0);
      continue;
    }
    const auto [position, inserted] = filled.try_emplace(segment.kept, segment.kept->length);
    offsets.push_back(position->second);
    const bool continues = !segment.context.empty() && segment.context.back().block == segment.kept;
    WINNOW_CHECK(position->second == (continues ? segment.context.back().length : 0));
    position->second += segment.rows;
  }
  return offsets;
}

void append_to_blocks(const PackedBatch& batch, int layer, int layers, const at::Tensor& keys, const at::Tensor& values) {
  WINNOW_CHECK(keys.is_contiguous() && values.is_contiguous());
  const std::vector<std::int64_t> offsets = append_offsets(batch);
  for (std::size_t index = 0; index < batch.segments.size(); ++index) {
    const Segment& segment = batch.segments[index];
    if (segment.kept == nullptr) continue;
    KvBlock& block = *segment.kept;
    block.keys.resize(layers);
    block.values.resize(layers);
    const std::int64_t offset = offsets[index], needed = offset + segment.rows;
    for (auto [store, rows] : {std::pair(&block.keys[layer], &keys), std::pair(&block.values[layer], &values)}) {
      reserve(*store, offset, needed, *rows);
      append(*store, offset, *rows, segment);
    }
  }
}

}  // namespace winnow
