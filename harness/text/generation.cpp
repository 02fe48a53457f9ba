#include "harness/text/generation.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "harness/core/error.h"
#include "harness/text/counted_forward.h"
#include "harness/text/prefix_walk.h"

namespace winnow {
namespace {

// Says when a reply ends, step after step.
class StopCheck {
 public:
  StopCheck(const Tokenizer& tokenizer, const std::vector<std::int64_t>& eos_ids, const Prompt& prompt) : tokenizer_(tokenizer), eos_ids_(eos_ids) {
    for (const std::string& stop : prompt.until) {
      if (!stop.empty()) stops_.push_back({stop, tokenizer.encode(stop, Tokenizer::Special::kNone).size() + 2});
    }
  }
  bool is_over(const TokenIds& ids) const {
    if (std::find(eos_ids_.begin(), eos_ids_.end(), ids.back()) != eos_ids_.end()) return true;
    return std::any_of(stops_.begin(), stops_.end(), [&](const Stop& stop) {
      const TokenIds last(ids.end() - static_cast<std::ptrdiff_t>(std::min(stop.tokens, ids.size())), ids.end());
      return tokenizer_.decode(last, Tokenizer::SpecialText::kKeep).find(stop.text) != std::string::npos;
    });
  }

 private:
  struct Stop {
    std::string text;
    std::size_t tokens;
  };
  const Tokenizer& tokenizer_;
  const std::vector<std::int64_t>& eos_ids_;
  std::vector<Stop> stops_;
};

struct ActiveSequence {
  const Prompt* prompt;
  StopCheck stop;
  BlockPath context;               // of the prompt
  std::shared_ptr<LiveBlock> own;  // of what was generated
  Generated generated;
};

class Generation {
 public:
  Generation(const std::vector<Prompt>& prompts, const GenerationRun& run) : run_(run) {
    std::map<TokenIds, std::size_t> known;
    for (const Prompt& prompt : prompts) {
      const auto [position, is_new] = known.try_emplace(prompt.ids, sequences_.size());
      if (is_new) {
        sequences_.push_back(prompt.ids);
        prompts_of_sequence_.emplace_back();
      }
      prompts_of_sequence_[position->second].push_back(&prompt);
    }
    tree_ = build_prefix_tree(sequences_, run.sharing);
    for (std::size_t i = 0; i < sequences_.size(); ++i) sequences_ending_at_[tree_.last_node[i]].push_back(i);
  }

  void run() {
    PrefixWalk walk(tree_, sequences_, KeepBlocks::kAllNodes, live_rows_);
    while (!stopped_ && (!walk.done() || !active_.empty())) {
      if (!walk.done() && has_room(walk, 0) && (active_.empty() || active_.size() <= run_.max_sequences * 3 / 4)) {
        prefill(walk);
      } else {
        decode();
      }
    }
  }

 private:
  std::size_t prompts_ending_at(std::int64_t node) const {
    const auto ending = sequences_ending_at_.find(node);
    std::size_t count = 0;
    if (ending != sequences_ending_at_.end()) {
      for (const std::size_t sequence : ending->second) count += prompts_of_sequence_[sequence].size();
    }
    return count;
  }

  // Whether the next node's prompts can be decoded beside the active ones and `coming` others; with none of them anything has to fit.
  bool has_room(const PrefixWalk& walk, std::size_t coming) const {
    const std::size_t more = prompts_ending_at(walk.next_node());
    if (more == 0 || active_.size() + coming == 0) return true;
    std::int64_t reserve = 0;
    for (const std::size_t sequence : sequences_ending_at_.at(walk.next_node())) {
      for (const Prompt* prompt : prompts_of_sequence_[sequence]) reserve += prompt->max_new_tokens;
    }
    return active_.size() + coming + more <= run_.max_sequences && live_rows_ + walk.rows_of_next() + reserve <= run_.max_live_rows;
  }

  void prefill(PrefixWalk& walk) {
    PackedBatch batch;
    std::vector<std::int64_t> last_rows, ended_nodes;
    {
      const Stopwatch stopwatch(run_.counters.prefill_seconds);
      std::size_t coming = 0;
      while (!walk.done() && has_room(walk, coming)) {
        const auto piece = walk.add_next(batch, run_.token_budget);
        if (!piece) break;
        const std::size_t ending = prompts_ending_at(piece->node);
        if (ending == 0 || piece->end < tree_.nodes[static_cast<std::size_t>(piece->node)].end) continue;
        last_rows.push_back(piece->first_row + piece->end - piece->begin - 1);
        ended_nodes.push_back(piece->node);
        coming += ending;
      }
      const at::Tensor normed = forward_counted(run_.model, batch, last_rows, run_.counters);
      first_tokens_ = greedy_tokens(run_.model, normed);
    }
    for (std::size_t i = 0; i < ended_nodes.size() && !stopped_; ++i) start_prompts(walk, ended_nodes[i], first_tokens_[i]);
    walk.release_blocks_behind();
  }

  void start_prompts(const PrefixWalk& walk, std::int64_t node, std::int32_t first_token) {
    for (const std::size_t sequence : sequences_ending_at_.at(node)) {
      for (const Prompt* prompt : prompts_of_sequence_[sequence]) {
        ActiveSequence one{prompt,
                           StopCheck(run_.tokenizer, run_.model.config.eos_ids, *prompt),
                           walk.path_blocks(node),
                           std::make_shared<LiveBlock>(live_rows_, prompt->max_new_tokens),
                           {}};
        run_.counters.tokens_asked += static_cast<std::int64_t>(prompt->ids.size());
        if (!take_token(one, first_token)) active_.push_back(std::move(one));
        if (stopped_) return;
      }
    }
  }

  void decode() {
    std::vector<std::int32_t> tokens;
    {
      const Stopwatch stopwatch(run_.counters.decode_seconds);
      PackedBatch batch;
      std::vector<std::int64_t> rows;
      for (ActiveSequence& one : active_) {
        const auto row = static_cast<std::int64_t>(batch.tokens.size());
        Segment segment{.first_row = row, .rows = 1, .context = context_of(one.context), .kept = &one.own->kv};
        if (one.own->kv.length > 0) segment.context.push_back({&one.own->kv, one.own->kv.length});
        batch.tokens.push_back(one.generated.ids.back());
        batch.segments.push_back(std::move(segment));
        rows.push_back(row);
      }
      tokens = greedy_tokens(run_.model, forward_counted(run_.model, batch, rows, run_.counters));
      run_.counters.tokens_decoded += static_cast<std::int64_t>(rows.size());
      run_.counters.tokens_asked += static_cast<std::int64_t>(rows.size());
    }
    std::vector<ActiveSequence> going_on;
    for (std::size_t i = 0; i < active_.size() && !stopped_; ++i) {
      if (!take_token(active_[i], tokens[i])) going_on.push_back(std::move(active_[i]));
    }
    active_ = std::move(going_on);
  }

  // Whether the sequence is finished (and reported).
  bool take_token(ActiveSequence& one, std::int32_t token) {
    one.generated.ids.push_back(token);
    const bool is_over = one.stop.is_over(one.generated.ids);
    one.generated.is_cut = !is_over && static_cast<int>(one.generated.ids.size()) >= one.prompt->max_new_tokens;
    if (!is_over && !one.generated.is_cut) return false;
    stopped_ = run_.on_generated(one.prompt->owner, one.generated) == Continue::kNo;
    return true;
  }

  const GenerationRun& run_;
  std::vector<TokenIds> sequences_;
  std::vector<std::vector<const Prompt*>> prompts_of_sequence_;
  std::map<std::int64_t, std::vector<std::size_t>> sequences_ending_at_;  // by node
  PrefixTree tree_;
  std::int64_t live_rows_ = 0;  // of keys and values; outlives the blocks that active_ holds
  std::vector<std::int32_t> first_tokens_;
  std::vector<ActiveSequence> active_;
  bool stopped_ = false;
};

}  // namespace

void generate(std::vector<Prompt> prompts, const GenerationRun& run) {
  if (!prompts.empty()) Generation(prompts, run).run();
}

}  // namespace winnow
