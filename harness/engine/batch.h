#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace winnow {

// Keys (after rope) and values of consecutive positions of one sequence, by layer: what later tokens attend to. The first `length` positions are filled.
struct KvBlock {
  std::vector<at::Tensor> keys, values;  // by layer: [kv_heads, capacity, head_dim]; on devices other than the CPU [capacity, kv_heads, head_dim]
  std::int64_t length = 0;
};

// The first `length` positions of a block. Devices may move it beside others that are read with it, which changes none of its numbers.
struct ContextPart {
  KvBlock* block;
  std::int64_t length;
};

// A run of new tokens of one sequence. Row i of the segment stands at position Σ context lengths + i, and attends to the context and,
// causally, to the rows before it. A block that an earlier segment of the same batch fills may be context: layers run one after another.
struct Segment {
  std::int64_t first_row = 0, rows = 0;  // in PackedBatch::tokens
  std::vector<ContextPart> context;
  KvBlock* kept = nullptr;  // its keys and values are appended here; null: they last no longer than the layer. May be the last context part's block
};

struct DeviceBatch;

// Ragged sequences laid end to end: no padding.
struct PackedBatch {
  std::vector<std::int32_t> tokens;
  std::vector<Segment> segments;  // in row order, covering all tokens
  // int64 [rows], on the model's device: the tokens where no host has seen them yet; `tokens` is empty then.
  at::Tensor device_tokens = at::Tensor();
  // What embed() worked out of the segments for a device, for all layers; null on the CPU.
  mutable std::shared_ptr<DeviceBatch> on_device = nullptr;

  std::int64_t rows() const { return device_tokens.defined() ? device_tokens.size(0) : static_cast<std::int64_t>(tokens.size()); }
};

}  // namespace winnow
