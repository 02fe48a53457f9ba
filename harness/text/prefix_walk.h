#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "harness/engine/batch.h"
#include "harness/text/prefix_tree.h"

namespace winnow {

// Keys and values that somebody may still attend to. Their rows are counted in a total while they live.
class LiveBlock {
 public:
  LiveBlock(std::int64_t& total_rows, std::int64_t rows) : total_rows_(total_rows), rows_(rows) { total_rows_ += rows_; }
  ~LiveBlock() { total_rows_ -= rows_; }
  LiveBlock(const LiveBlock&) = delete;
  LiveBlock& operator=(const LiveBlock&) = delete;

  std::int64_t rows() const { return rows_; }
  KvBlock kv;

 private:
  std::int64_t& total_rows_;
  std::int64_t rows_;
};
using BlockPath = std::vector<std::shared_ptr<LiveBlock>>;  // from the root

// Whose keys and values outlive their batch: of nodes that have descendants, or of all.
enum class KeepBlocks { kInnerNodes, kAllNodes };

// Lays a prefix tree into batches, node after node. Blocks live while a node that needs them is still to come (or somebody holds their path):
// at most one path and one batch of rows.
class PrefixWalk {
 public:
  // Rows of its blocks are counted in `live_rows`, which must outlive them.
  PrefixWalk(const PrefixTree& tree, std::span<const TokenIds> sequences, KeepBlocks keep, std::int64_t& live_rows)
      : tree_(tree), sequences_(sequences), keep_(keep), live_rows_(live_rows) {}

  bool done() const { return next_ == static_cast<std::int64_t>(tree_.nodes.size()); }
  std::int64_t next_node() const { return next_; }
  std::int64_t rows_of_next() const { return node(next_).end - begin_of_next(); }

  // What of a node a batch holds: tokens [begin, end) of its sequence, from row `first_row` on.
  struct Piece {
    std::int64_t node, begin, end, first_row;
  };
  // Appends the next node to the batch if it has at most budget rows afterwards. A node larger than the whole budget is cut in pieces that
  // continue one block. Returns nothing when the batch is full.
  std::optional<Piece> add_next(PackedBatch& batch, std::int64_t budget);

  // To be called after the batch was forwarded.
  void release_blocks_behind();

  BlockPath path_blocks(std::int64_t node) const;

 private:
  const PrefixNode& node(std::int64_t index) const { return tree_.nodes[static_cast<std::size_t>(index)]; }
  std::int64_t begin_of_next() const { return node(next_).begin + packed_of_next_; }

  const PrefixTree& tree_;
  std::span<const TokenIds> sequences_;
  KeepBlocks keep_;
  std::int64_t next_ = 0;
  std::int64_t packed_of_next_ = 0;  // rows of a large node that earlier pieces hold
  std::int64_t& live_rows_;
  std::map<std::int64_t, std::shared_ptr<LiveBlock>> blocks_;  // by node
};

std::vector<ContextPart> context_of(const BlockPath& path);

}  // namespace winnow
