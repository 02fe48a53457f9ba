#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/text/language_model.h"
#include "harness/text/windows.h"

namespace winnow {

// From requests to the ids that a model is given, the same whatever runs it: BOS, splits and truncation on the left as lm-evaluation-harness has them.
// Every fault is an Error that names the request.
class RequestEncoder {
 public:
  // `tokenizer` may be null: then only requests of token ids are encoded. `own_max_length`: where the settings name none; vocabulary 0: unknown.
  RequestEncoder(const Tokenizer* tokenizer, const AnswerSettings& settings, std::int64_t own_max_length, std::int64_t vocabulary);

  struct Rows {
    std::vector<ScoredRows> parts;  // their scores add up; none for a text without a token
    bool truncated = false;
    bool merged_boundary = false;
  };
  // Nothing for a request to generate.
  std::optional<Rows> rows_of(const Request& request) const;

  struct Continued {
    TokenIds ids;
    std::vector<std::string> until;
    int max_new_tokens = 0;
    bool truncated = false;
  };
  // Nothing for a request to score.
  std::optional<Continued> prompt_of(const Request& request) const;

 private:
  const PromptEncoder& encoder() const;
  Rows pair_rows(const ScoreRequest& score, const Request& request) const;
  Rows document_rows(const RollingRequest& rolling) const;
  Rows token_rows(const TokensRequest& tokens, const Request& request) const;

  std::int64_t max_length_, vocabulary_;
  std::optional<PromptEncoder> encoder_;
};

}  // namespace winnow
