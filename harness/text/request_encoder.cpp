#include "harness/text/request_encoder.h"

#include "harness/core/error.h"
#include "harness/text/request_lines.h"

namespace winnow {

RequestEncoder::RequestEncoder(const Tokenizer* tokenizer, const AnswerSettings& settings, std::int64_t own_max_length, std::int64_t vocabulary)
    : max_length_(settings.max_length ? *settings.max_length : own_max_length), vocabulary_(vocabulary) {
  if (max_length_ < 1) throw input_error("max_length is {}, expected at least 1", max_length_);
  if (tokenizer != nullptr) encoder_.emplace(*tokenizer, settings.add_bos, settings.profile);
}

const PromptEncoder& RequestEncoder::encoder() const {
  if (!encoder_) throw unsupported_error("this model has no tokenizer, so it answers no requests made of text");
  return *encoder_;
}

std::optional<RequestEncoder::Rows> RequestEncoder::rows_of(const Request& request) const {
  if (const auto* score = std::get_if<ScoreRequest>(&request)) return pair_rows(*score, request);
  if (const auto* rolling = std::get_if<RollingRequest>(&request)) return document_rows(*rolling);
  if (const auto* tokens = std::get_if<TokensRequest>(&request)) return token_rows(*tokens, request);
  return std::nullopt;
}

RequestEncoder::Rows RequestEncoder::pair_rows(const ScoreRequest& score, const Request& request) const {
  const TokenPair pair = encode_pair(encoder(), score.context, score.continuation);
  if (pair.context.empty()) throw input_error("{}: the context has no token to start from; set add_bos", describe(request));
  if (pair.continuation.empty()) throw input_error("{}: the continuation has no token of its own, so it cannot be scored", describe(request));
  if (static_cast<std::int64_t>(pair.continuation.size()) > max_length_) {
    throw input_error("{}: the continuation has {} tokens, more than max_length {}; set a larger max_length", describe(request), pair.continuation.size(),
                      max_length_);
  }
  Rows rows{.parts = {rows_to_score(pair.context, pair.continuation, max_length_)}, .merged_boundary = pair.merged_boundary};
  rows.truncated = rows.parts[0].truncated;
  return rows;
}

RequestEncoder::Rows RequestEncoder::document_rows(const RollingRequest& rolling) const {
  Rows rows;
  const TokenIds ids = encoder().encode(rolling.text);
  for (const RollingWindow& window : rolling_windows(static_cast<std::int64_t>(ids.size()), max_length_)) {
    TokenIds context;
    if (window.first_context < 0) context.push_back(encoder().prefix_token());
    context.insert(context.end(), ids.begin() + std::max<std::int64_t>(window.first_context, 0), ids.begin() + window.first_predicted);
    const std::span<const std::int32_t> predicted(ids.begin() + window.first_predicted, ids.begin() + window.end);
    rows.parts.push_back(rows_to_score(context, predicted, max_length_));
  }
  return rows;
}

RequestEncoder::Rows RequestEncoder::token_rows(const TokensRequest& tokens, const Request& request) const {
  if (tokens.context.empty() || tokens.continuation.empty()) throw input_error("{}: expected at least one id on both sides", describe(request));
  for (const TokenIds* ids : {&tokens.context, &tokens.continuation}) {
    for (const std::int32_t id : *ids) {
      if (id < 0 || (vocabulary_ > 0 && id >= vocabulary_))
        throw input_error("{}: id {} is not below the vocabulary of {}", describe(request), id, vocabulary_);
    }
  }
  return {.parts = {rows_to_score(tokens.context, tokens.continuation, static_cast<std::int64_t>(tokens.context.size() + tokens.continuation.size()))}};
}

std::optional<RequestEncoder::Continued> RequestEncoder::prompt_of(const Request& request) const {
  const auto* generate = std::get_if<GenerateRequest>(&request);
  if (generate == nullptr) return std::nullopt;
  if (generate->max_new_tokens < 1) throw input_error("{}: max_new_tokens is {}, expected at least 1", describe(request), generate->max_new_tokens);
  if (max_length_ <= generate->max_new_tokens) {
    throw input_error("{}: max_new_tokens {} leave no room for a prompt in max_length {}; set a smaller max_new_tokens or a larger max_length",
                      describe(request), generate->max_new_tokens, max_length_);
  }
  Continued prompt{.ids = encoder().encode(generate->context), .until = generate->until, .max_new_tokens = generate->max_new_tokens};
  if (prompt.ids.empty()) throw input_error("{}: the context has no token to start from; set add_bos", describe(request));
  const std::int64_t room = max_length_ - generate->max_new_tokens, length = static_cast<std::int64_t>(prompt.ids.size());
  prompt.truncated = length > room;
  if (prompt.truncated) prompt.ids.erase(prompt.ids.begin(), prompt.ids.end() - room);
  return prompt;
}

}  // namespace winnow
