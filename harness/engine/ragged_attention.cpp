#include "harness/engine/ragged_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/core/error.h"
#include "harness/engine/kv_blocks.h"

namespace winnow {
namespace {

// FlashAttention 2 as libtorch brings it.
bool has_fused_kernel(const at::Tensor& query) {
  const bool half = query.scalar_type() == at::kBFloat16 || query.scalar_type() == at::kHalf;
  return query.is_cuda() && half && query.size(2) % 8 == 0 && query.size(2) <= 256;
}

AttentionPart attend_fused(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values, const Runs& runs, Sees sees) {
  // With cumulative lengths is_causal means the lower right corner: queries are the last of the keys. (The public operator's means the upper left.)
  const auto [mixed, log_sum, seed, offset, mask] = at::_flash_attention_forward(
      query.contiguous(), keys, values, runs.cumulative_queries, runs.cumulative_keys, runs.longest_query, runs.longest_keys, /*dropout_p=*/0.0,
      sees == Sees::kCausal, /*return_debug_mask=*/false, /*scale=*/std::nullopt, /*window_size_left=*/std::nullopt, /*window_size_right=*/std::nullopt,
      runs.keys_used.defined() ? std::optional(runs.keys_used) : std::nullopt);
  WINNOW_CHECK(log_sum.dim() == 2 && log_sum.size(0) == query.size(1) && log_sum.size(1) == query.size(0));
  return {mixed, log_sum};
}

// Some queries of one run; `position` of the first of them among the run's keys where they are causal.
AttentionPart attend_some(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values, std::optional<std::int64_t> position) {
  const std::int64_t rows = query.size(0), heads = query.size(1), kv_heads = keys.size(1), d = query.size(2), seen = keys.size(0);
  const at::Tensor grouped = query.to(at::kFloat).view({rows, kv_heads, heads / kv_heads, d}).permute({1, 2, 0, 3});
  const at::Tensor wide_keys = keys.to(at::kFloat).transpose(0, 1), wide_values = values.to(at::kFloat).transpose(0, 1);
  at::Tensor scores = at::matmul(grouped, wide_keys.unsqueeze(1).transpose(2, 3)) / std::sqrt(static_cast<double>(d));
  if (position) {
    const at::Tensor at_row = at::arange(*position, *position + rows, query.options().dtype(at::kLong)).unsqueeze(1);
    const at::Tensor at_key = at::arange(0, seen, query.options().dtype(at::kLong)).unsqueeze(0);
    scores.masked_fill_(at_key > at_row, -std::numeric_limits<double>::infinity());
  }
  const at::Tensor log_sum = scores.logsumexp(-1);  // [kv_heads, group, rows]
  const at::Tensor mixed = at::matmul(scores.softmax(-1), wide_values.unsqueeze(1)).permute({2, 0, 1, 3});
  return {mixed.reshape({rows, heads, d}), log_sum.reshape({heads, rows})};
}

using Side = std::vector<at::Tensor> KvBlock::*;

std::vector<at::Tensor> stores_of(const ContextLevel& level, int layer, Side side) {
  std::vector<at::Tensor> stores;
  for (const ContextPart& part : level.parts) stores.push_back((part.block->*side)[layer]);
  return stores;
}

// The store's keys or values as the runs want them: where they lie, if all parts lie in one store, else laid end to end.
at::Tensor keys_of_level(const ContextLevel& level, int layer, Side side, bool is_step, DeviceBatch::Places& places, Runs& runs) {
  std::vector<at::Tensor> stores = stores_of(level, layer, side);
  if (stores.size() == 1) return stores.front().narrow(0, 0, level.parts.front().length);
  std::optional<CommonStore> common = common_store(stores);
  if (!common && is_step) {  // steps to come read the same blocks: moved once, not laid end to end in every step
    std::vector<KvBlock*> blocks;
    for (const ContextPart& part : level.parts) {
      if (std::ranges::find(blocks, part.block) == blocks.end()) blocks.push_back(part.block);
    }
    lay_together(blocks, side, layer);
    common = common_store(stores_of(level, layer, side));
  }
  if (!common) {
    for (std::size_t i = 0; i < stores.size(); ++i) stores[i] = stores[i].narrow(0, 0, level.parts[i].length);
    return at::cat(stores);
  }
  if (places.begin != common->begin) {
    std::vector<std::int64_t> ends = common->begin;
    ends.push_back(common->rows.size(0));
    places = {common->begin, upload(ends, at::kInt, stores.front().device()), upload(runs.key_rows, at::kInt, stores.front().device())};
  }
  runs.key_begin = places.begin;
  runs.cumulative_keys = places.cumulative_keys;
  runs.keys_used = places.keys_used;
  return common->rows;
}

AttentionPart attend_level(const ContextLevel& level, int layer, const at::Tensor& query, bool is_step, DeviceBatch::Places& places) {
  Runs of_keys = level.runs, of_values = level.runs;
  const at::Tensor keys = keys_of_level(level, layer, &KvBlock::keys, is_step, places, of_keys);
  const at::Tensor values = keys_of_level(level, layer, &KvBlock::values, is_step, places, of_values);
  WINNOW_CHECK(of_keys.key_begin == of_values.key_begin);
  return attend_runs(level.rows.defined() ? query.index_select(0, level.rows) : query, keys, values, of_keys, Sees::kAll);
}

}  // namespace

AttentionPart attend_runs(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values, const Runs& runs, Sees sees) {
  return has_fused_kernel(query) ? attend_fused(query, keys, values, runs, sees) : attend_runs_by_operators(query, keys, values, runs, sees);
}

AttentionPart attend_runs_by_operators(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values, const Runs& runs, Sees sees) {
  constexpr std::int64_t kScoresAtATime = std::int64_t{1} << 24;
  std::vector<at::Tensor> mixed, log_sums;
  std::int64_t first = 0;
  for (std::size_t run = 0; run < runs.query_rows.size(); ++run) {
    const std::int64_t rows = runs.query_rows[run], seen = runs.key_rows[run];
    const std::int64_t chunk = std::max<std::int64_t>(1, kScoresAtATime / (query.size(1) * seen));
    for (std::int64_t begin = 0; begin < rows; begin += chunk) {
      const std::int64_t some = std::min(chunk, rows - begin), before = seen - rows + begin;
      const bool causal = sees == Sees::kCausal;
      const std::int64_t visible = causal ? before + some : seen;
      const AttentionPart part = attend_some(query.narrow(0, first + begin, some), keys.narrow(0, runs.key_begin[run], visible),
                                             values.narrow(0, runs.key_begin[run], visible), causal ? std::optional(before) : std::nullopt);
      mixed.push_back(part.mixed);
      log_sums.push_back(part.log_sum);
    }
    first += rows;
  }
  return {at::cat(mixed), at::cat(log_sums, 1)};
}

AttentionPart join(const AttentionPart& a, const AttentionPart& b) {
  const at::Tensor log_sum = at::logaddexp(a.log_sum, b.log_sum);
  const auto share = [&](const AttentionPart& part) { return (part.log_sum - log_sum).exp().t().unsqueeze(2); };  // [queries, heads, 1]
  return {a.mixed * share(a) + b.mixed * share(b), log_sum};
}

at::Tensor attend_laid_out(DeviceBatch& layout, int layer, const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values) {
  AttentionPart sum;
  if (!layout.own.query_rows.empty()) sum = attend_runs(query, keys, values, layout.own, Sees::kCausal);
  for (std::size_t index = layout.levels.size(); index-- > 0;) {  // from the last: in a step it is the one that has all rows
    const ContextLevel& level = layout.levels[index];
    const AttentionPart part = attend_level(level, layer, query, layout.is_step, layout.places[index]);
    if (!sum.mixed.defined()) {
      WINNOW_CHECK(!level.rows.defined());
      sum = part;
    } else if (!level.rows.defined()) {
      sum = join(sum, part);
    } else {
      const AttentionPart before{sum.mixed.index_select(0, level.rows), sum.log_sum.index_select(1, level.rows)};
      const AttentionPart both = join(before, part);
      sum = {sum.mixed.to(at::kFloat).index_copy(0, level.rows, both.mixed), sum.log_sum.index_copy(1, level.rows, both.log_sum)};
    }
  }
  return sum.mixed.to(query.scalar_type()).reshape({query.size(0), query.size(1) * query.size(2)});
}

}  // namespace winnow
