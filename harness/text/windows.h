#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/text/tokenizer.h"

namespace winnow {

// lm-evaluation-harness's way from texts to rows of token ids, as pure functions (its HFLM and api/model.py, release 0.4.13).

using TokenIds = std::vector<std::int32_t>;

// Encodes with that harness's rule for special tokens: none in front of a text that already begins with the prefix token's text; else as
// `add_bos` says (true: a BOS even if the tokenizer would add none); else the tokenizer's own rule.
// Older revisions, named by their profile: no BOS unless `add_bos` is true, and in 2023 EOS as the prefix token.
class PromptEncoder {
 public:
  // Throws Error(kUnsupported) for a profile it does not know.
  PromptEncoder(const Tokenizer& tokenizer, std::optional<bool> add_bos, std::string_view profile = "lmeval-head");
  TokenIds encode(std::string_view text) const;
  TokenIds encode_plain(std::string_view text) const;  // no special tokens
  std::int32_t prefix_token() const;                   // BOS, else EOS. Throws Error(kUnsupported) where there is neither
  // Whether a continuation after an empty context that itself begins with the prefix token gets no second one.
  bool finds_prefix_in_text() const { return finds_prefix_in_text_; }

 private:
  const Tokenizer& tokenizer_;
  std::optional<bool> add_bos_;
  std::optional<std::int32_t> prefix_;
  std::string prefix_text_;
  bool finds_prefix_in_text_;
};

// Python's rstrip splits the context; its trailing white space belongs to the continuation.
struct TextPair {
  std::string context, continuation;
};
TextPair move_trailing_space(std::string_view context, std::string_view continuation);

struct TokenPair {
  TokenIds context, continuation;
  bool merged_boundary = false;  // encoding both together changed the context's own ids: the split by count is a guess
};
// The continuation's ids are those of context + continuation without as many as the context alone has; an empty context is the prefix token.
TokenPair encode_pair(const PromptEncoder& encoder, std::string_view context, std::string_view continuation);

// Ids to run and the targets of its last rows: the last max_length + 1 ids of context + continuation, without the last one.
struct ScoredRows {
  TokenIds input;
  TokenIds targets;        // of the last targets.size() rows
  bool truncated = false;  // the context lost ids on the left
};
// 1 ≤ continuation.size() ≤ max_length, and the context is not empty.
ScoredRows rows_to_score(std::span<const std::int32_t> context, std::span<const std::int32_t> continuation, std::int64_t max_length);

// One window of a document: tokens [first_context, first_predicted) are context, [first_predicted, end) are predicted. In the first window
// first_context is −1 and stands for the prefix token.
struct RollingWindow {
  std::int64_t first_context, first_predicted, end;
};
// Windows of at most max_length rows: context_length tokens of context where they are full (that harness uses 1), as much as fits in the last one.
std::vector<RollingWindow> rolling_windows(std::int64_t tokens, std::int64_t max_length, std::int64_t context_length = 1);

// The text before the first occurrence of each stop string, one after another in list order; empty stop strings stop nothing.
std::string cut_at_stop_strings(std::string_view text, std::span<const std::string> until);

}  // namespace winnow
