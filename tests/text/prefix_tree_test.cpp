#include "harness/text/prefix_tree.h"

#include <gtest/gtest.h>

#include <random>

#include "harness/text/prefix_walk.h"

namespace winnow {
namespace {

TokenIds repeated(std::int32_t id, std::size_t count) { return TokenIds(count, id); }

TokenIds joined(std::initializer_list<TokenIds> parts) {
  TokenIds ids;
  for (const TokenIds& part : parts) ids.insert(ids.end(), part.begin(), part.end());
  return ids;
}

// Distinct sequences that branch at random depths.
std::vector<TokenIds> random_sequences(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<TokenIds> sequences;
  for (int i = 0; i < 60; ++i) {
    TokenIds ids;
    if (!sequences.empty()) {
      const TokenIds& other = sequences[random() % sequences.size()];
      ids.assign(other.begin(), other.begin() + static_cast<std::ptrdiff_t>(random() % (other.size() + 1)));
    }
    for (unsigned more = 1 + random() % 20; more > 0; --more) ids.push_back(static_cast<std::int32_t>(random() % 3));
    if (std::find(sequences.begin(), sequences.end(), ids) == sequences.end()) sequences.push_back(ids);
  }
  return sequences;
}

TokenIds along_path(const PrefixTree& tree, const std::vector<TokenIds>& sequences, std::size_t sequence) {
  TokenIds ids;
  for (const std::int64_t index : tree.path(sequence)) {
    const PrefixNode& node = tree.nodes[static_cast<std::size_t>(index)];
    EXPECT_EQ(static_cast<std::int64_t>(ids.size()), node.begin);
    ids.insert(ids.end(), sequences[node.sequence].begin() + node.begin, sequences[node.sequence].begin() + node.end);
  }
  return ids;
}

TEST(PrefixTree, ForwardsACommonBeginningOnce) {
  const std::vector<TokenIds> sequences = {joined({repeated(1, 10), {2}}), joined({repeated(1, 10), {3, 4}}), {5, 6}};
  const PrefixTree tree = build_prefix_tree(sequences, PrefixSharing::kOn);
  EXPECT_EQ(tree.rows(), 10 + 1 + 2 + 2);
  EXPECT_EQ(build_prefix_tree(sequences, PrefixSharing::kOff).rows(), 11 + 12 + 2);
}

TEST(PrefixTree, LetsASequenceEndInsideAnother) {
  const std::vector<TokenIds> sequences = {repeated(1, 20), repeated(1, 10)};
  const PrefixTree tree = build_prefix_tree(sequences, PrefixSharing::kOn);
  EXPECT_EQ(tree.rows(), 20);
  EXPECT_EQ(tree.path(1).size(), 1u);
  EXPECT_EQ(tree.path(0).size(), 2u);
}

TEST(PrefixTree, MakesNoNodeForAFewRows) {
  const std::vector<TokenIds> sequences = {{1, 2, 3}, {1, 2, 4}};
  EXPECT_EQ(build_prefix_tree(sequences, PrefixSharing::kOn).nodes.size(), 2u);
}

TEST(PrefixTree, HoldsEverySequenceOnItsPath) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const std::vector<TokenIds> sequences = random_sequences(seed);
    for (const PrefixSharing sharing : {PrefixSharing::kOn, PrefixSharing::kOff}) {
      const PrefixTree tree = build_prefix_tree(sequences, sharing);
      for (std::size_t i = 0; i < sequences.size(); ++i) EXPECT_EQ(along_path(tree, sequences, i), sequences[i]);
      for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
        EXPECT_LT(tree.nodes[i].parent, static_cast<std::int64_t>(i));
        if (tree.nodes[i].parent >= 0) {
          EXPECT_LE(tree.nodes[i].subtree_end, tree.nodes[static_cast<std::size_t>(tree.nodes[i].parent)].subtree_end);
        }
      }
    }
  }
}

TEST(PrefixWalk, LaysEveryNodeOnceWithinTheBudgetAndKeepsOnePathAlive) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const std::vector<TokenIds> sequences = random_sequences(seed);
    const PrefixTree tree = build_prefix_tree(sequences, PrefixSharing::kOn);
    std::int64_t longest = 0;
    for (const TokenIds& sequence : sequences) longest = std::max(longest, static_cast<std::int64_t>(sequence.size()));
    for (const std::int64_t budget : {1, 5, 30, 100000}) {
      std::int64_t live_rows = 0, rows = 0;
      {
        PrefixWalk walk(tree, sequences, KeepBlocks::kInnerNodes, live_rows);
        while (!walk.done()) {
          PackedBatch batch;
          while (!walk.done() && walk.add_next(batch, budget)) {}
          rows += static_cast<std::int64_t>(batch.tokens.size());
          ASSERT_GT(batch.tokens.size(), 0u);
          ASSERT_LE(static_cast<std::int64_t>(batch.tokens.size()), budget);
          for (const Segment& segment : batch.segments) {
            std::int64_t position = 0;
            for (const ContextPart& part : segment.context) position += part.length;
            EXPECT_LT(position, longest);
          }
          EXPECT_LE(live_rows, longest + budget + longest);
          walk.release_blocks_behind();
          EXPECT_LE(live_rows, longest) << "between batches only the path of the next node lives";
        }
      }
      EXPECT_EQ(rows, tree.rows()) << "each node once";
      EXPECT_EQ(live_rows, 0);
    }
  }
}

}  // namespace
}  // namespace winnow
