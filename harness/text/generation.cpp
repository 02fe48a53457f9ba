#include "harness/text/generation.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

#include "harness/core/clock.h"
#include "harness/engine/device_batch.h"
#include "harness/engine/device_path.h"
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
  bool is_over = false;
};
using Sequences = std::vector<std::shared_ptr<ActiveSequence>>;

// One token of each of some sequences on its way through the layers. It keeps what they wrote, also of those that end meanwhile.
struct DecodeStep {
  std::chrono::steady_clock::time_point launched;
  Sequences sequences;  // by row
  CountedStep tokens;
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
      if (walk.done() || !has_room(walk, 0) || (!active_.empty() && active_.size() > run_.max_sequences * 3 / 4)) {
        decode();
      } else if (in_flight_) {
        settle();
      } else {
        prefill(walk);
      }
    }
    settle();
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
        const auto one = std::make_shared<ActiveSequence>(prompt, StopCheck(run_.tokenizer, run_.model.config.eos_ids, *prompt), walk.path_blocks(node),
                                                          std::make_shared<LiveBlock>(live_rows_, prompt->max_new_tokens));
        run_.counters.tokens_asked += static_cast<std::int64_t>(prompt->ids.size());
        take_token(*one, first_token);
        if (!one->is_over) active_.push_back(one);
        if (stopped_) return;
      }
    }
  }

  // On devices the next step is launched before this one's tokens are looked at, so that the device works while the host looks for stop strings.
  void decode() {
    if (!in_flight_) in_flight_ = launch_active();
    std::unique_ptr<DecodeStep> next = takes_device_path(run_.model.device) ? launch_behind(*in_flight_) : nullptr;
    take_tokens(*in_flight_);
    in_flight_ = std::move(next);
  }

  // Until the host has seen all that was launched.
  void settle() {
    if (in_flight_) take_tokens(*in_flight_);
    in_flight_.reset();
  }

  std::unique_ptr<DecodeStep> launch_active() {
    PackedBatch batch;
    for (const auto& one : active_) batch.tokens.push_back(one->generated.ids.back());
    return launch(std::move(batch), active_);
  }

  // A step of those whose reply the tokens under way do not make as long as it may be; null if there are none. Those that turn out to have ended have
  // a row too many in it.
  std::unique_ptr<DecodeStep> launch_behind(const DecodeStep& step) {
    Sequences sequences;
    std::vector<std::int64_t> rows;
    for (std::size_t row = 0; row < step.sequences.size(); ++row) {
      const ActiveSequence& one = *step.sequences[row];
      if (one.is_over || static_cast<int>(one.generated.ids.size()) + 1 >= one.prompt->max_new_tokens) continue;
      sequences.push_back(step.sequences[row]);
      rows.push_back(static_cast<std::int64_t>(row));
    }
    if (rows.empty()) return nullptr;
    const at::Tensor& tokens = step.tokens.device_tokens();
    PackedBatch batch;
    batch.device_tokens = rows.size() == step.sequences.size() ? tokens : tokens.index_select(0, upload(rows, at::kLong, run_.model.device));
    return launch(std::move(batch), std::move(sequences));
  }

  std::unique_ptr<DecodeStep> launch(PackedBatch batch, Sequences sequences) {
    const auto launched = std::chrono::steady_clock::now();
    for (const auto& one : sequences) {
      KvBlock& own = one->own->kv;
      Segment segment{.first_row = std::ssize(batch.segments), .rows = 1, .context = context_of(one->context), .kept = &own};
      if (own.length > 0) segment.context.push_back({&own, own.length});
      batch.segments.push_back(std::move(segment));
    }
    return std::make_unique<DecodeStep>(launched, std::move(sequences), CountedStep(run_.model, batch, run_.counters));
  }

  void take_tokens(DecodeStep& step) {
    std::vector<std::int64_t> rows;  // of sequences that had not ended before
    for (std::size_t row = 0; row < step.sequences.size(); ++row) {
      if (!stopped_ && !step.sequences[row]->is_over) rows.push_back(static_cast<std::int64_t>(row));
    }
    const std::vector<std::int32_t> tokens = step.tokens.read(rows);
    run_.counters.decode_seconds += seconds_since(std::max(step.launched, decoded_until_));
    decoded_until_ = std::chrono::steady_clock::now();
    run_.counters.tokens_decoded += std::ssize(rows);
    run_.counters.tokens_asked += std::ssize(rows);
    run_.counters.tokens_dropped += std::ssize(step.sequences) - std::ssize(rows);
    for (std::size_t i = 0; i < rows.size() && !stopped_; ++i) take_token(*step.sequences[static_cast<std::size_t>(rows[i])], tokens[i]);
    std::erase_if(active_, [](const auto& one) { return one->is_over; });
  }

  // Reports the sequence if the token ends it.
  void take_token(ActiveSequence& one, std::int32_t token) {
    one.generated.ids.push_back(token);
    const bool is_ended = one.stop.is_over(one.generated.ids);
    one.generated.is_cut = !is_ended && static_cast<int>(one.generated.ids.size()) >= one.prompt->max_new_tokens;
    one.is_over = is_ended || one.generated.is_cut;
    if (one.is_over) stopped_ = run_.on_generated(one.prompt->owner, one.generated) == Continue::kNo;
  }

  const GenerationRun& run_;
  std::vector<TokenIds> sequences_;
  std::vector<std::vector<const Prompt*>> prompts_of_sequence_;
  std::map<std::int64_t, std::vector<std::size_t>> sequences_ending_at_;  // by node
  PrefixTree tree_;
  std::int64_t live_rows_ = 0;  // of keys and values; outlives the blocks that active_ holds
  std::vector<std::int32_t> first_tokens_;
  Sequences active_;
  std::unique_ptr<DecodeStep> in_flight_;  // on devices: launched before the host saw the tokens that it runs on
  std::chrono::steady_clock::time_point decoded_until_;
  bool stopped_ = false;
};

}  // namespace

void generate(std::vector<Prompt> prompts, const GenerationRun& run) {
  if (!prompts.empty()) Generation(prompts, run).run();
}

}  // namespace winnow
