#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace winnow {

// What a task asks of a model: lm-evaluation-harness's three kinds, and windows of token ids for the pruning papers' perplexity.

// log p(continuation | context), tokenised together as that harness does.
struct ScoreRequest {
  std::string context, continuation;
};

// log p(text) over rolling windows of max_length tokens.
struct RollingRequest {
  std::string text;
};

// Greedy text after context, up to the first stop string, an end-of-sequence token or max_new_tokens.
struct GenerateRequest {
  std::string context;
  std::vector<std::string> until;
  int max_new_tokens = 256;
};

// log p(continuation ids | context ids).
struct TokensRequest {
  std::vector<std::int32_t> context, continuation;
};

using Request = std::variant<ScoreRequest, RollingRequest, GenerateRequest, TokensRequest>;

struct Response {
  double log_likelihood = 0;      // natural log; score, rolling, tokens
  bool is_greedy = false;         // score, tokens: every token of the continuation is the argmax
  std::string text;               // generate: decoded, special tokens skipped, cut at the first stop string
  bool prompt_truncated = false;  // the context lost tokens on the left
  bool reply_truncated = false;   // generation ended at max_new_tokens
};

}  // namespace winnow
