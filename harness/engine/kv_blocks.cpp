#include "harness/engine/kv_blocks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "harness/core/error.h"
#include "harness/engine/device_batch.h"
#include "harness/engine/device_path.h"

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
  // Steps of many sequences append one row each: a tensor operation for every one of them would cost more than the attention.
  const std::size_t bytes = static_cast<std::size_t>(rows.size(2)) * rows.element_size();
  const char* from = static_cast<const char*>(rows.const_data_ptr()) + segment.first_row * rows.size(1) * bytes;
  for (std::int64_t head = 0; head < rows.size(1); ++head) {
    char* to = static_cast<char*>(store.mutable_data_ptr()) + (head * store.size(1) + offset) * bytes;
    for (std::int64_t row = 0; row < segment.rows; ++row) std::memcpy(to + row * bytes, from + (row * rows.size(1) + head) * bytes, bytes);
  }
}

// Room for steps to come in a store that several blocks share.
constexpr std::int64_t kStepsOfRoom = 64;

struct DeviceAppend {
  std::vector<at::Tensor*> stores;             // of the kept blocks, by segment that keeps
  std::vector<std::int64_t> used, from, rows;  // positions used before; first row in the batch; rows
};

std::int64_t capacity_of(const at::Tensor& store) { return store.defined() ? store.size(0) : 0; }

// Blocks that step together are moved into one store when one of them is full or lies elsewhere.
void gather_into_one_store(const DeviceAppend& append, const at::Tensor& rows) {
  std::vector<std::int64_t> begin;
  std::int64_t total = 0;
  for (const std::int64_t used : append.used) {
    begin.push_back(total);
    total += used + kStepsOfRoom;
  }
  const at::Tensor store = at::empty({total, rows.size(1), rows.size(2)}, rows.options());
  std::vector<at::Tensor> to, from;
  for (std::size_t i = 0; i < append.stores.size(); ++i) {
    at::Tensor own = store.narrow(0, begin[i], append.used[i] + kStepsOfRoom);
    if (append.used[i] > 0) {
      to.push_back(own.narrow(0, 0, append.used[i]));
      from.push_back(append.stores[i]->narrow(0, 0, append.used[i]));
    }
    *append.stores[i] = std::move(own);
  }
  if (!to.empty()) at::_foreach_copy_(to, from);
}

// Every segment is one row: one operator writes all of them.
void append_step(const DeviceAppend& append, const at::Tensor& rows, DeviceBatch& layout) {
  const auto together = [&]() -> std::optional<CommonStore> {
    std::vector<at::Tensor> stores;
    for (std::size_t i = 0; i < append.stores.size(); ++i) {
      if (capacity_of(*append.stores[i]) <= append.used[i]) return std::nullopt;
      stores.push_back(*append.stores[i]);
    }
    return common_store(stores);
  };
  std::optional<CommonStore> store = together();
  if (!store) {
    gather_into_one_store(append, rows);
    store = together();
  }
  WINNOW_CHECK(store.has_value());
  std::vector<std::int64_t> places = std::move(store->begin);
  for (std::size_t i = 0; i < places.size(); ++i) places[i] += append.used[i];
  if (layout.new_rows != places) {
    layout.new_rows_on_device = upload(places, at::kLong, rows.device());
    layout.new_rows = std::move(places);
  }
  store->rows.index_copy_(0, layout.new_rows_on_device, rows);
}

void append_segments(const DeviceAppend& append, const at::Tensor& rows) {
  std::vector<at::Tensor> to, from;
  for (std::size_t i = 0; i < append.stores.size(); ++i) {
    at::Tensor& store = *append.stores[i];
    const std::int64_t needed = append.used[i] + append.rows[i], capacity = capacity_of(store);
    if (needed > capacity) {
      at::Tensor larger = at::empty({capacity == 0 ? needed : std::max(needed, capacity + capacity / 2 + 16), rows.size(1), rows.size(2)}, rows.options());
      if (append.used[i] > 0) larger.narrow(0, 0, append.used[i]).copy_(store.narrow(0, 0, append.used[i]));
      store = larger;
    }
    to.push_back(store.narrow(0, append.used[i], append.rows[i]));
    from.push_back(rows.narrow(0, append.from[i], append.rows[i]));
  }
  if (!to.empty()) at::_foreach_copy_(to, from);
}

void append_on_device(const PackedBatch& batch, int layer, int layers, const at::Tensor& keys, const at::Tensor& values) {
  const std::vector<std::int64_t> offsets = append_offsets(batch);
  WINNOW_CHECK(batch.on_device != nullptr);
  DeviceAppend append;
  for (std::vector<at::Tensor> KvBlock::*part : {&KvBlock::keys, &KvBlock::values}) {
    append = {};
    for (std::size_t index = 0; index < batch.segments.size(); ++index) {
      const Segment& segment = batch.segments[index];
      if (segment.kept == nullptr || segment.rows == 0) continue;
      (segment.kept->*part).resize(layers);
      append.stores.push_back(&(segment.kept->*part)[layer]);
      append.used.push_back(offsets[index]);
      append.from.push_back(segment.first_row);
      append.rows.push_back(segment.rows);
    }
    const at::Tensor& rows = part == &KvBlock::keys ? keys : values;
    if (batch.on_device->is_step && append.stores.size() > 1) {
      append_step(append, rows, *batch.on_device);
    } else {
      append_segments(append, rows);
    }
  }
}

}  // namespace

at::Tensor block_positions(const at::Tensor& store, std::int64_t length) {
  return takes_device_path(store) ? store.narrow(0, 0, length).transpose(0, 1) : store.narrow(1, 0, length);
}

std::optional<CommonStore> common_store(const std::vector<at::Tensor>& tensors) {
  const at::Tensor& first = tensors.front();
  const std::int64_t row = first.size(1) * first.size(2);
  CommonStore store;
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.is_alias_of(first)) return std::nullopt;
    store.begin.push_back(tensor.storage_offset() / row);
  }
  const auto rows = static_cast<std::int64_t>(first.storage().nbytes() / first.element_size()) / row;
  store.rows = first.as_strided({rows, first.size(1), first.size(2)}, {row, first.size(2), 1}, 0);
  return store;
}

void lay_together(const std::vector<KvBlock*>& blocks, std::vector<at::Tensor> KvBlock::*side, int layer) {
  std::vector<at::Tensor> stores;
  for (KvBlock* block : blocks) stores.push_back((block->*side)[layer]);
  const at::Tensor whole = at::cat(stores);
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    (blocks[i]->*side)[layer] = whole.narrow(0, begin, stores[i].size(0));
    begin += stores[i].size(0);
  }
}

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
  if (takes_device_path(keys)) return append_on_device(batch, layer, layers, keys, values);
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
