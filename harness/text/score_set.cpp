#include "harness/text/score_set.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "harness/core/error.h"
#include "harness/engine/forward.h"
#include "harness/text/counted_forward.h"
#include "harness/text/prefix_walk.h"

namespace winnow {
namespace {

std::uint64_t hash_ids(const TokenIds& ids) {
  std::uint64_t hash = 0x9E3779B97F4A7C15;
  for (const std::int32_t id : ids) hash = (hash ^ static_cast<std::uint32_t>(id)) * 0x100000001B3 + (hash >> 29);
  return hash;
}

}  // namespace

struct ScoreSet::PlacedTarget {
  std::int64_t node, row;  // position in the node's sequence
  std::int32_t token;
  std::size_t owner;
};

void ScoreSet::add(std::size_t owner, ScoredRows rows) {
  WINNOW_CHECK(!rows.targets.empty() && rows.targets.size() <= rows.input.size());
  const std::uint64_t hash = hash_ids(rows.input);
  const auto [first, last] = sequence_by_hash_.equal_range(hash);
  const auto same = std::find_if(first, last, [&](const auto& entry) { return sequences_[entry.second] == rows.input; });
  const std::size_t sequence = same == last ? sequences_.size() : same->second;
  const auto begin = static_cast<std::int64_t>(rows.input.size() - rows.targets.size());
  for (std::size_t i = 0; i < rows.targets.size(); ++i) targets_.push_back({sequence, begin + static_cast<std::int64_t>(i), rows.targets[i], owner});
  targets_of_owner_[owner] += static_cast<std::int64_t>(rows.targets.size());
  if (same != last) return;
  sequence_by_hash_.emplace(hash, sequence);
  tokens_asked_ += static_cast<std::int64_t>(rows.input.size());
  sequences_.push_back(std::move(rows.input));
}

// Where in the tree each target's row stands, in the order in which the walk comes to it.
std::vector<ScoreSet::PlacedTarget> ScoreSet::place(const PrefixTree& tree) const {
  std::vector<PlacedTarget> placed;
  placed.reserve(targets_.size());
  for (const Target& target : targets_) {
    std::int64_t node = tree.last_node[target.sequence];
    while (target.row < tree.nodes[static_cast<std::size_t>(node)].begin) node = tree.nodes[static_cast<std::size_t>(node)].parent;
    placed.push_back({node, target.row, target.token, target.owner});
  }
  std::stable_sort(placed.begin(), placed.end(),
                   [](const PlacedTarget& a, const PlacedTarget& b) { return std::pair(a.node, a.row) < std::pair(b.node, b.row); });
  return placed;
}

void ScoreSet::score(const Run& run) const {
  const PrefixTree tree = build_prefix_tree(sequences_, run.sharing);
  const std::vector<PlacedTarget> placed = place(tree);
  std::unordered_map<std::size_t, Total> totals;
  std::unordered_map<std::size_t, std::int64_t> left = targets_of_owner_;
  std::int64_t live_rows = 0;
  PrefixWalk walk(tree, sequences_, KeepBlocks::kInnerNodes, live_rows);
  run.counters.tokens_asked += tokens_asked_;

  for (auto next = placed.begin(); !walk.done();) {
    PackedBatch batch;
    std::vector<std::int64_t> wanted;        // rows of the batch
    std::vector<std::int64_t> wanted_index;  // by target of this batch: into wanted
    std::vector<std::int32_t> tokens;
    const auto first = next;
    while (!walk.done()) {
      const auto piece = walk.add_next(batch, run.token_budget);
      if (!piece) break;
      for (; next != placed.end() && next->node == piece->node && next->row < piece->end; ++next) {
        const std::int64_t row = piece->first_row + next->row - piece->begin;
        if (wanted.empty() || wanted.back() != row) wanted.push_back(row);
        wanted_index.push_back(static_cast<std::int64_t>(wanted.size()) - 1);
        tokens.push_back(next->token);
      }
    }
    std::vector<TokenScore> scores;
    {
      const Stopwatch stopwatch(run.counters.prefill_seconds);
      at::Tensor normed = forward_counted(run.model, batch, wanted, run.counters);
      if (wanted.size() != tokens.size()) normed = normed.index_select(0, at::tensor(wanted_index, at::kLong).to(normed.device()));
      scores = score_rows(run.model, normed, tokens);
    }
    walk.release_blocks_behind();
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const std::size_t owner = (first + static_cast<std::ptrdiff_t>(i))->owner;
      Total& total = totals[owner];
      total.log_likelihood += scores[i].log_probability;
      total.is_greedy = total.is_greedy && scores[i].is_greedy;
      if (--left[owner] > 0) continue;
      if (run.on_total(owner, total) == Continue::kNo) return;
      totals.erase(owner);
    }
  }
}

RowCounts count_rows(const ScoreSet& set) { return {set.tokens_asked(), build_prefix_tree(set.sequences(), PrefixSharing::kOn).rows()}; }

}  // namespace winnow
