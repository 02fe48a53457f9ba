#include "harness/text/prefix_walk.h"

#include <algorithm>

#include "harness/core/error.h"

namespace winnow {

std::optional<PrefixWalk::Piece> PrefixWalk::add_next(PackedBatch& batch, std::int64_t budget) {
  WINNOW_CHECK(!done() && budget > 0);
  const PrefixNode& next = node(next_);
  const auto first_row = static_cast<std::int64_t>(batch.tokens.size());
  const std::int64_t begin = begin_of_next(), left = next.end - begin;
  const bool is_cut = next.end - next.begin > budget;
  if (first_row > 0 && left > budget - first_row) return std::nullopt;
  const std::int64_t rows = std::min(left, budget);

  Segment segment{.first_row = first_row, .rows = rows, .context = context_of(path_blocks(next.parent))};
  if (keep_ == KeepBlocks::kAllNodes || next.subtree_end > next_ + 1 || is_cut) {
    std::shared_ptr<LiveBlock>& block = blocks_[next_];
    if (!block) block = std::make_shared<LiveBlock>(live_rows_, next.end - next.begin);
    if (packed_of_next_ > 0) segment.context.push_back({&block->kv, packed_of_next_});
    segment.kept = &block->kv;
  }
  const TokenIds& ids = sequences_[next.sequence];
  batch.tokens.insert(batch.tokens.end(), ids.begin() + begin, ids.begin() + begin + rows);
  batch.segments.push_back(std::move(segment));

  const Piece piece{next_, begin, begin + rows, first_row};
  packed_of_next_ += rows;
  if (piece.end == next.end) {
    ++next_;
    packed_of_next_ = 0;
  }
  return piece;
}

void PrefixWalk::release_blocks_behind() {
  std::erase_if(blocks_, [&](const auto& entry) { return node(entry.first).subtree_end <= next_; });
}

BlockPath PrefixWalk::path_blocks(std::int64_t index) const {
  BlockPath path;
  for (; index >= 0; index = node(index).parent) path.push_back(blocks_.at(index));
  std::reverse(path.begin(), path.end());
  return path;
}

// A block that an earlier segment of the same batch fills is not counted yet: its whole length is what its node has.
std::vector<ContextPart> context_of(const BlockPath& path) {
  std::vector<ContextPart> parts;
  for (const auto& block : path) parts.push_back({&block->kv, block->rows()});
  return parts;
}

}  // namespace winnow
