#include "harness/engine/attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "harness/core/error.h"
#include "harness/engine/device_path.h"
#include "harness/engine/kernels/attention.h"
#include "harness/engine/kernels/cpu_path.h"
#include "harness/engine/kv_blocks.h"
#include "harness/engine/parallel.h"
#include "harness/engine/ragged_attention.h"

namespace winnow {
namespace {

// Keys or values that a segment sees, [kv_heads, context + rows, head_dim], f32.
at::Tensor visible(const Segment& segment, int layer, const at::Tensor& own, std::vector<at::Tensor> KvBlock::*store) {
  std::vector<at::Tensor> parts;
  for (const ContextPart& part : segment.context) {
    if (part.length > 0) parts.push_back(block_positions((part.block->*store)[layer], part.length));
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

void attend_by_operators(const AttentionConfig& config, const PackedBatch& batch, int layer, const at::Tensor& query, const at::Tensor& keys,
                         const at::Tensor& values, at::Tensor& out) {
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
}

// Some rows of one segment and the query heads of one key-value head.
struct AttentionTask {
  const Segment* segment;
  std::int64_t first, rows, kv_head, context;  // first row in the segment; context: positions before the segment
};

std::vector<AttentionTask> attention_tasks(const AttentionConfig& config, const PackedBatch& batch, std::int64_t& multiplications) {
  const std::int64_t rows_of_task = std::max<std::int64_t>(1, 96 / (config.heads / config.kv_heads));
  std::vector<AttentionTask> tasks;
  for (const Segment& segment : batch.segments) {
    std::int64_t context = 0;
    for (const ContextPart& part : segment.context) context += part.length;
    multiplications += segment.rows * (context + segment.rows) * config.heads * config.head_dim;
    for (std::int64_t first = 0; first < segment.rows; first += rows_of_task) {
      const std::int64_t rows = std::min(rows_of_task, segment.rows - first);
      for (std::int64_t kv_head = 0; kv_head < config.kv_heads; ++kv_head) tasks.push_back({&segment, first, rows, kv_head, context});
    }
  }
  return tasks;
}

template <class T>
std::vector<KvSpan<T>> spans_of(const AttentionConfig& config, const AttentionTask& task, int layer, const T* keys, const T* values) {
  const std::int64_t d = config.head_dim;
  std::vector<KvSpan<T>> spans;
  for (const ContextPart& part : task.segment->context) {
    if (part.length == 0) continue;
    const at::Tensor& block_keys = part.block->keys[layer];
    const std::int64_t strip = task.kv_head * block_keys.size(1) * d;
    spans.push_back({block_keys.const_data_ptr<T>() + strip, part.block->values[layer].const_data_ptr<T>() + strip, d, part.length});
  }
  const std::int64_t own = (task.segment->first_row * config.kv_heads + task.kv_head) * d;
  spans.push_back({keys + own, values + own, config.kv_heads * d, task.segment->rows});
  return spans;
}

template <class T>
void attend_by_kernels(const AttentionConfig& config, const PackedBatch& batch, int layer, const at::Tensor& query, const at::Tensor& keys,
                       const at::Tensor& values, at::Tensor& out) {
  const T* query_values = query.const_data_ptr<T>();
  const T* own_keys = keys.const_data_ptr<T>();
  const T* own_values = values.const_data_ptr<T>();
  T* const results = out.mutable_data_ptr<T>();
  const std::int64_t group = config.heads / config.kv_heads, stride = config.heads * config.head_dim;
  std::int64_t multiplications = 0;
  const std::vector<AttentionTask> tasks = attention_tasks(config, batch, multiplications);
  const auto run = [&](std::int64_t index) {
    const AttentionTask& task = tasks[index];
    const std::int64_t offset = (task.segment->first_row + task.first) * stride + task.kv_head * group * config.head_dim;
    attend_head<T>({.query = query_values + offset,
                    .out = results + offset,
                    .query_stride = stride,
                    .rows = task.rows,
                    .group = group,
                    .head_dim = config.head_dim,
                    .first_position = task.context + task.first,
                    .window = config.sliding_window},
                   spans_of(config, task, layer, own_keys, own_values));
  };
  constexpr std::int64_t kWorthThreads = 1 << 18;
  if (multiplications >= kWorthThreads) return run_tasks(static_cast<std::int64_t>(tasks.size()), run);
  for (std::size_t index = 0; index < tasks.size(); ++index) run(static_cast<std::int64_t>(index));
}

// Whether some row of the batch is too far from its sequence's first position to see it.
bool window_hides(const AttentionConfig& config, const PackedBatch& batch) {
  return config.sliding_window && std::ranges::any_of(batch.segments, [&](const Segment& segment) {
           std::int64_t positions = segment.rows;
           for (const ContextPart& part : segment.context) positions += part.length;
           return positions > *config.sliding_window;
         });
}

}  // namespace

at::Tensor attend(const AttentionConfig& config, const PackedBatch& batch, int layer, const at::Tensor& query, const at::Tensor& keys,
                  const at::Tensor& values) {
  if (takes_device_path(query) && !window_hides(config, batch)) {
    WINNOW_CHECK(batch.on_device != nullptr);
    return attend_laid_out(*batch.on_device, layer, query, keys, values);
  }
  at::Tensor out = at::empty({query.size(0), config.heads * config.head_dim}, query.options());
  if (path_of(query) == CpuPath::kOperators) {
    attend_by_operators(config, batch, layer, query, keys, values, out);
  } else if (query.scalar_type() == at::kFloat) {
    attend_by_kernels<float>(config, batch, layer, query, keys, values, out);
  } else {
    attend_by_kernels<at::BFloat16>(config, batch, layer, query, keys, values, out);
  }
  return out;
}

}  // namespace winnow
