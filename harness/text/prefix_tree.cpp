#include "harness/text/prefix_tree.h"

#include <algorithm>
#include <numeric>

#include "harness/core/error.h"

namespace winnow {
namespace {

class Builder {
 public:
  Builder(std::span<const TokenIds> sequences, PrefixTree& tree) : sequences_(sequences), tree_(tree) {
    order_.resize(sequences.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return sequences_[a] < sequences_[b]; });
    common_.assign(sequences.size() + 1, 0);
    for (std::size_t i = 1; i < order_.size(); ++i) {
      const TokenIds &left = sequences_[order_[i - 1]], &right = sequences_[order_[i]];
      common_[i] = std::mismatch(left.begin(), left.end(), right.begin(), right.end()).first - left.begin();
    }
  }

  // Adds nodes for the sorted sequences [first, end), which agree on their first `depth` tokens, held by `parent`.
  void add(std::size_t first, std::size_t end, std::int64_t depth, std::int64_t parent) {
    if (end - first == 1) {
      add_leaf(order_[first], depth, parent);
      return;
    }
    const std::int64_t agreed = *std::min_element(common_.begin() + static_cast<std::ptrdiff_t>(first) + 1, common_.begin() + static_cast<std::ptrdiff_t>(end));
    const bool is_worth_it = static_cast<std::int64_t>(end - first - 1) * (agreed - depth) >= PrefixTree::kLeastRowsSaved;
    std::int64_t node = -1;
    if (is_worth_it) {
      node = add_node(order_[first], depth, agreed, parent);
      parent = node;
      depth = agreed;
    }
    for (std::size_t start = first; start < end;) {
      std::size_t stop = start + 1;
      while (stop < end && common_[stop] > agreed) ++stop;
      add(start, stop, depth, parent);
      start = stop;
    }
    if (node >= 0) tree_.nodes[static_cast<std::size_t>(node)].subtree_end = static_cast<std::int64_t>(tree_.nodes.size());
  }

  void add_apart() {
    for (std::size_t i = 0; i < sequences_.size(); ++i) add_leaf(i, 0, -1);
  }

 private:
  std::int64_t add_node(std::size_t sequence, std::int64_t begin, std::int64_t end, std::int64_t parent) {
    const auto index = static_cast<std::int64_t>(tree_.nodes.size());
    tree_.nodes.push_back({parent, sequence, begin, end, index + 1});
    return index;
  }

  void add_leaf(std::size_t sequence, std::int64_t depth, std::int64_t parent) {
    const auto length = static_cast<std::int64_t>(sequences_[sequence].size());
    tree_.last_node[sequence] = length == depth ? parent : add_node(sequence, depth, length, parent);
  }

  std::span<const TokenIds> sequences_;
  PrefixTree& tree_;
  std::vector<std::size_t> order_;    // sequences in lexicographic order
  std::vector<std::int64_t> common_;  // [i]: tokens that order_[i − 1] and order_[i] agree on
};

}  // namespace

std::int64_t PrefixTree::rows() const {
  return std::accumulate(nodes.begin(), nodes.end(), std::int64_t{0}, [](std::int64_t sum, const PrefixNode& node) { return sum + node.end - node.begin; });
}

std::vector<std::int64_t> PrefixTree::path(std::size_t sequence) const {
  std::vector<std::int64_t> path;
  for (std::int64_t node = last_node[sequence]; node >= 0; node = nodes[static_cast<std::size_t>(node)].parent) path.push_back(node);
  std::reverse(path.begin(), path.end());
  return path;
}

PrefixTree build_prefix_tree(std::span<const TokenIds> sequences, PrefixSharing sharing) {
  PrefixTree tree;
  tree.last_node.assign(sequences.size(), -1);
  for (const TokenIds& sequence : sequences) WINNOW_CHECK(!sequence.empty());
  Builder builder(sequences, tree);
  if (sequences.empty()) return tree;
  if (sharing == PrefixSharing::kOn) {
    builder.add(0, sequences.size(), 0, -1);
  } else {
    builder.add_apart();
  }
  return tree;
}

}  // namespace winnow
