#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "harness/text/windows.h"

namespace winnow {

// A run of tokens that one or several sequences have in common behind their parent's; it is forwarded once for all of them.
struct PrefixNode {
  std::int64_t parent = -1;         // index of the node before it; always smaller than its own
  std::size_t sequence = 0;         // one of those that hold the run
  std::int64_t begin = 0, end = 0;  // where it stands in the sequence
  std::int64_t subtree_end = 0;     // nodes [index, subtree_end) are it and its descendants
};

enum class PrefixSharing { kOn, kOff };

// Token sequences folded into a trie: nodes in an order where parents come first and subtrees are contiguous, so that a walk needs to keep only
// the path from the root. Beginnings that save few rows are not worth a node: see kLeastRowsSaved.
struct PrefixTree {
  static constexpr std::int64_t kLeastRowsSaved = 8;

  std::vector<PrefixNode> nodes;
  std::vector<std::int64_t> last_node;  // by sequence: the node that holds its last token

  std::int64_t rows() const;                                   // that go through the layers when every node is forwarded once
  std::vector<std::int64_t> path(std::size_t sequence) const;  // nodes from the root to last_node
};

// The sequences must be distinct and not empty.
PrefixTree build_prefix_tree(std::span<const TokenIds> sequences, PrefixSharing sharing);

}  // namespace winnow
