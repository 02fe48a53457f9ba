#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "harness/engine/batch.h"
#include "harness/engine/model.h"
#include "harness/engine/rope.h"

namespace winnow {

// Runs of queries and the run of keys each of them sees. cumulative_*: int32 [runs + 1] on the device.
struct Runs {
  std::vector<std::int64_t> query_rows, key_begin, key_rows;  // by run, none empty; queries lie end to end
  at::Tensor cumulative_queries, cumulative_keys;
  at::Tensor keys_used;  // int32 [runs]: of keys that do not lie end to end; undefined where they do
  std::int64_t longest_query = 0, longest_keys = 0;
};

// Positions of blocks that some segments of the batch attend to, each block once however many segments share it.
struct ContextLevel {
  std::vector<ContextPart> parts;  // by run
  at::Tensor rows;                 // int64, of the batch, in the order of the runs; undefined: all rows as they lie
  Runs runs;                       // keys as if the parts' positions lay end to end
};

// A batch as a device wants it: worked out and uploaded once, used in every layer.
struct DeviceBatch {
  WideRope rope;                     // on the device
  std::vector<ContextLevel> levels;  // the first parts of all segments' contexts, the second parts …
  Runs own;                          // every segment's rows over themselves, causally; no runs where is_step
  // Every segment is one row that its kept block takes: the last level is then those blocks with the new position in them.
  bool is_step = false;
  // Where the parts of a level lie in a common store, as uploaded for the layer before; mostly the same in the next.
  struct Places {
    std::vector<std::int64_t> begin;
    at::Tensor cumulative_keys, keys_used;
  };
  std::vector<Places> places;  // by level
  // Likewise the rows of the common store that a step's new positions take; int64 on the device.
  std::vector<std::int64_t> new_rows;
  at::Tensor new_rows_on_device;
};

std::shared_ptr<DeviceBatch> lay_out(const Model& model, const PackedBatch& batch);

// The layout that embed() left in the batch, or a new one for callers that begin in the middle.
DeviceBatch& layout_of(const Model& model, const PackedBatch& batch);

at::Tensor upload(const std::vector<std::int64_t>& values, at::ScalarType dtype, at::Device device);

}  // namespace winnow
