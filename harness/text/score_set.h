#pragma once
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "harness/engine/model.h"
#include "harness/text/language_model.h"
#include "harness/text/prefix_tree.h"

namespace winnow {

// Rows whose next tokens' probabilities are asked for, by owner: an owner's score is the sum over all its targets. Rows that are equal in
// every id are one sequence whoever asks for them (the four letters of a multiple-choice question).
class ScoreSet {
 public:
  struct Total {
    double log_likelihood = 0;
    bool is_greedy = true;
  };

  void add(std::size_t owner, ScoredRows rows);

  const std::vector<TokenIds>& sequences() const { return sequences_; }
  std::int64_t tokens_asked() const { return tokens_asked_; }

  // Runs everything in batches of at most `token_budget` rows, common beginnings once, and calls on_total for each owner when its last target is done.
  struct Run {
    const Model& model;
    std::int64_t token_budget;
    PrefixSharing sharing;
    WorkCounters& counters;
    std::function<Continue(std::size_t owner, const Total& total)> on_total;
  };
  void score(const Run& run) const;

 private:
  struct Target {
    std::size_t sequence;
    std::int64_t row;  // position in the sequence
    std::int32_t token;
    std::size_t owner;
  };
  struct PlacedTarget;
  std::vector<PlacedTarget> place(const PrefixTree& tree) const;

  std::vector<TokenIds> sequences_;
  std::unordered_multimap<std::uint64_t, std::size_t> sequence_by_hash_;
  std::vector<Target> targets_;
  std::unordered_map<std::size_t, std::int64_t> targets_of_owner_;
  std::int64_t tokens_asked_ = 0;
};

// Rows asked for and rows forwarded with shared beginnings, of inputs as rows_to_score makes them: known without running a model.
struct RowCounts {
  std::int64_t asked = 0, forwarded = 0;
};
RowCounts count_rows(const ScoreSet& set);

}  // namespace winnow
