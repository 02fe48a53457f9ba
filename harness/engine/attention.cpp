#include "harness/engine/attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace winnow {
namespace {

// Keys or values that a segment sees, [kv_heads, context + rows, head_dim], f32.
at::Tensor visible(const Segment& segment, int layer, const at::Tensor& own, std::vector<at::Tensor> KvBlock::*store) {
  std::vector<at::Tensor> parts;
  for (const ContextPart& part : segment.context) {
    if (part.length > 0) parts.push_back((part.block->*store)[layer].narrow(1, 0, part.length));
  }
  parts.push_back(own.narrow(0, segment.first_row, segment.rows).transpose(0, 1));
  return at::cat(parts, 1).to(at::kFloat);
}

// Rows first … first + rows of a segment, by operators: scores of one chunk of rows at a time.
at::Tensor attend_rows(const AttentionConfig& config, const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values, std::int64_t position) {
  const std::int64_t rows = query.size(0), group = config.heads / config.kv_heads, seen = position + rows;
  const at::Tensor grouped = query.to(at::kFloat).view({rows, config.kv_heads, group, config.head_dim}).permute({1, 2, 0, 3});
  at::Tensor scores = at::matmul(grouped, keys.narrow(1, 0, seen).unsqueeze(1).transpose(2, 3)) / std::sqrt(static_cast<double>(config.head_dim));
  const at::Tensor at_row = at::arange(position, seen, query.options().dtype(at::kLong)).unsqueeze(1);
  const at::Tensor at_key = at::arange(0, seen, query.options().dtype(at::kLong)).unsqueeze(0);
  at::Tensor hidden = at_key > at_row;
  if (config.sliding_window) hidden = hidden.logical_or(at_key <= at_row - *config.sliding_window);
  scores.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  const at::Tensor mixed = at::matmul(scores.softmax(-1), values.narrow(1, 0, seen).unsqueeze(1));  // [kv_heads, group, rows, head_dim]
  return mixed.permute({2, 0, 1, 3}).reshape({rows, config.heads * config.head_dim}).to(query.scalar_type());
}

}  // namespace

at::Tensor attend(const AttentionConfig& config, const PackedBatch& batch, int layer, const at::Tensor& query, const at::Tensor& keys,
                  const at::Tensor& values) {
  at::Tensor out = at::empty({query.size(0), config.heads * config.head_dim}, query.options());
  for (const Segment& segment : batch.segments) {
    const at::Tensor segment_keys = visible(segment, layer, keys, &KvBlock::keys), segment_values = visible(segment, layer, values, &KvBlock::values);
    const std::int64_t context = segment_keys.size(1) - segment.rows;
    const std::int64_t chunk = std::clamp<std::int64_t>((std::int64_t{1} << 22) / (config.heads * (context + segment.rows)), 1, 256);
    for (std::int64_t first = 0; first < segment.rows; first += chunk) {
      const std::int64_t rows = std::min(chunk, segment.rows - first);
      out.narrow(0, segment.first_row + first, rows)
          .copy_(attend_rows(config, query.narrow(0, segment.first_row + first, rows), segment_keys, segment_values, context + first));
    }
  }
  return out;
}

}  // namespace winnow
