#include "harness/engine/device_batch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "harness/engine/kv_blocks.h"

namespace winnow {
namespace {

std::vector<std::int64_t> cumulative(const std::vector<std::int64_t>& counts) {
  std::vector<std::int64_t> sums(counts.size() + 1, 0);
  std::partial_sum(counts.begin(), counts.end(), sums.begin() + 1);
  return sums;
}

Runs make_runs(std::vector<std::int64_t> query_rows, std::vector<std::int64_t> key_rows, at::Device device) {
  Runs runs{.query_rows = std::move(query_rows), .key_begin = cumulative(key_rows), .key_rows = std::move(key_rows)};
  if (runs.query_rows.empty()) return runs;
  runs.cumulative_queries = upload(cumulative(runs.query_rows), at::kInt, device);
  runs.cumulative_keys = upload(runs.key_begin, at::kInt, device);
  runs.longest_query = *std::ranges::max_element(runs.query_rows);
  runs.longest_keys = *std::ranges::max_element(runs.key_rows);
  return runs;
}

bool is_one_step(const PackedBatch& batch) {
  std::set<const KvBlock*> kept;
  return !batch.segments.empty() && std::ranges::all_of(batch.segments, [&](const Segment& segment) {
    return segment.rows == 1 && segment.kept != nullptr && kept.insert(segment.kept).second;
  });
}

// What a segment's rows find outside the batch, and in a step the block that has just taken the row.
std::vector<ContextPart> seen_parts(const Segment& segment, bool is_step) {
  std::vector<ContextPart> parts;
  for (const ContextPart& part : segment.context) {
    if (part.length > 0 && !(is_step && part.block == segment.kept)) parts.push_back(part);
  }
  return parts;
}

ContextLevel make_level(const PackedBatch& batch, const std::vector<std::pair<std::size_t, ContextPart>>& seen, at::Device device) {
  ContextLevel level;
  std::map<std::pair<const KvBlock*, std::int64_t>, std::size_t> run_of;
  std::vector<std::vector<std::int64_t>> rows;  // by run
  for (const auto& [index, part] : seen) {
    const auto [run, is_new] = run_of.try_emplace({part.block, part.length}, level.parts.size());
    if (is_new) {
      level.parts.push_back(part);
      rows.emplace_back();
    }
    const Segment& segment = batch.segments[index];
    for (std::int64_t row = 0; row < segment.rows; ++row) rows[run->second].push_back(segment.first_row + row);
  }
  std::vector<std::int64_t> order, query_rows, key_rows;
  for (std::size_t run = 0; run < rows.size(); ++run) {
    order.insert(order.end(), rows[run].begin(), rows[run].end());
    query_rows.push_back(std::ssize(rows[run]));
    key_rows.push_back(level.parts[run].length);
  }
  if (std::ssize(order) != batch.rows() || !std::ranges::is_sorted(order)) level.rows = upload(order, at::kLong, device);
  level.runs = make_runs(std::move(query_rows), std::move(key_rows), device);
  return level;
}

}  // namespace

at::Tensor upload(const std::vector<std::int64_t>& values, at::ScalarType dtype, at::Device device) {
  return at::tensor(values, at::kLong).to(dtype).to(device, /*non_blocking=*/true);
}

std::shared_ptr<DeviceBatch> lay_out(const Model& model, const PackedBatch& batch) {
  auto layout = std::make_shared<DeviceBatch>();
  const at::Tensor positions = row_positions(batch).to(model.device, /*non_blocking=*/true),
                   frequencies = model.rope_frequencies.to(model.device, /*non_blocking=*/true);
  layout->rope = wide_rope(positions, frequencies);
  layout->is_step = is_one_step(batch);

  std::vector<std::vector<std::pair<std::size_t, ContextPart>>> by_level;
  std::vector<std::int64_t> own_rows;
  for (std::size_t index = 0; index < batch.segments.size(); ++index) {
    const Segment& segment = batch.segments[index];
    if (segment.rows == 0) continue;
    own_rows.push_back(segment.rows);
    const std::vector<ContextPart> parts = seen_parts(segment, layout->is_step);
    if (parts.size() > by_level.size()) by_level.resize(parts.size());
    for (std::size_t level = 0; level < parts.size(); ++level) by_level[level].emplace_back(index, parts[level]);
  }
  for (const auto& seen : by_level) layout->levels.push_back(make_level(batch, seen, model.device));
  if (layout->is_step) {
    std::vector<std::pair<std::size_t, ContextPart>> kept;
    for (std::size_t index = 0; index < batch.segments.size(); ++index) {
      const Segment& segment = batch.segments[index];
      kept.emplace_back(index, ContextPart{segment.kept, segment.kept->length + 1});
    }
    layout->levels.push_back(make_level(batch, kept, model.device));
  } else {
    layout->own = make_runs(own_rows, own_rows, model.device);
  }
  layout->places.resize(layout->levels.size());
  return layout;
}

DeviceBatch& layout_of(const Model& model, const PackedBatch& batch) {
  if (!batch.on_device) batch.on_device = lay_out(model, batch);
  return *batch.on_device;
}

}  // namespace winnow
