#include "harness/text/engine_language_model.h"

#include <algorithm>
#include <unordered_map>

#include "harness/core/error.h"
#include "harness/text/generation.h"
#include "harness/text/request_lines.h"
#include "harness/text/score_set.h"

namespace winnow {
namespace {

constexpr std::int64_t kDefaultMaxLength = 2048;  // where config.json names none

class EngineLanguageModel : public LanguageModel {
 public:
  EngineLanguageModel(Model model, std::unique_ptr<Tokenizer> tokenizer, const EngineOptions& options)
      : model_(std::move(model)), tokenizer_(std::move(tokenizer)), options_(options) {
    if (options.token_budget < 1) throw input_error("token_budget is {}, expected at least 1", options.token_budget);
  }

  void answer(std::span<const Request> requests, const AnswerSettings& settings, const OnResponse& on_response) override {
    const std::int64_t max_length = settings.max_length ? *settings.max_length : model_.config.max_positions > 0 ? model_.config.max_positions : kDefaultMaxLength;
    if (max_length < 1) throw input_error("max_length is {}, expected at least 1", max_length);
    std::optional<PromptEncoder> encoder;
    if (tokenizer_) encoder.emplace(*tokenizer_, settings.add_bos, settings.profile);

    Continue going_on = answer_scores({requests, max_length, encoder ? &*encoder : nullptr}, on_response);
    if (going_on == Continue::kYes) answer_generations({requests, max_length, encoder ? &*encoder : nullptr}, on_response);
  }

  std::vector<std::int32_t> encode(std::string_view text, Special special) const override {
    if (!tokenizer_) throw unsupported_error("this model has no tokenizer");
    return tokenizer_->encode(text, special == Special::kAdd ? Tokenizer::Special::kAdd : Tokenizer::Special::kNone);
  }

  WorkCounters counters() const override { return counters_; }

 private:
  struct Call {
    std::span<const Request> requests;
    std::int64_t max_length;
    const PromptEncoder* encoder_or_null;

    const PromptEncoder& encoder() const {
      if (encoder_or_null == nullptr) throw unsupported_error("this model has no tokenizer, so it answers no requests made of text");
      return *encoder_or_null;
    }
  };

  Continue answer_scores(const Call& call, const OnResponse& on_response) {
    ScoreSet set;
    std::unordered_map<std::size_t, bool> truncated;
    std::vector<std::size_t> empty;  // texts without a token
    for (std::size_t index = 0; index < call.requests.size(); ++index) {
      const Request& request = call.requests[index];
      if (const auto* score = std::get_if<ScoreRequest>(&request)) {
        truncated[index] = add_pair(set, index, call, encode_pair(call.encoder(), score->context, score->continuation));
      } else if (const auto* rolling = std::get_if<RollingRequest>(&request)) {
        if (!add_document(set, index, call, call.encoder().encode(rolling->text))) empty.push_back(index);
      } else if (const auto* tokens = std::get_if<TokensRequest>(&request)) {
        add_tokens(set, index, *tokens);
      }
    }
    for (const std::size_t index : empty) {
      if (on_response(index, {.log_likelihood = 0, .is_greedy = true}) == Continue::kNo) return Continue::kNo;
    }
    Continue going_on = Continue::kYes;
    set.score({model_, options_.token_budget, options_.sharing, counters_, [&](std::size_t owner, const ScoreSet::Total& total) {
                 const auto cut = truncated.find(owner);
                 return going_on = on_response(owner, {.log_likelihood = total.log_likelihood, .is_greedy = total.is_greedy, .prompt_truncated = cut != truncated.end() && cut->second});
               }});
    return going_on;
  }

  bool add_pair(ScoreSet& set, std::size_t index, const Call& call, const TokenPair& pair) {
    const Request& request = call.requests[index];
    if (pair.context.empty()) throw input_error("{}: the context has no token to start from; set add_bos", describe(request));
    if (pair.continuation.empty()) throw input_error("{}: the continuation has no token of its own, so it cannot be scored", describe(request));
    if (static_cast<std::int64_t>(pair.continuation.size()) > call.max_length) {
      throw input_error("{}: the continuation has {} tokens, more than max_length {}; set a larger max_length", describe(request), pair.continuation.size(), call.max_length);
    }
    counters_.merged_boundaries += pair.merged_boundary ? 1 : 0;
    ScoredRows rows = rows_to_score(pair.context, pair.continuation, call.max_length);
    const bool truncated = rows.truncated;
    set.add(index, std::move(rows));
    return truncated;
  }

  bool add_document(ScoreSet& set, std::size_t index, const Call& call, const TokenIds& ids) {
    for (const RollingWindow& window : rolling_windows(static_cast<std::int64_t>(ids.size()), call.max_length)) {
      TokenIds context;
      if (window.first_context < 0) context.push_back(call.encoder().prefix_token());
      context.insert(context.end(), ids.begin() + std::max<std::int64_t>(window.first_context, 0), ids.begin() + window.first_predicted);
      const std::span<const std::int32_t> predicted(ids.begin() + window.first_predicted, ids.begin() + window.end);
      set.add(index, rows_to_score(context, predicted, call.max_length));
    }
    return !ids.empty();
  }

  void add_tokens(ScoreSet& set, std::size_t index, const TokensRequest& request) {
    if (request.context.empty() || request.continuation.empty()) throw input_error("{}: expected at least one id on both sides", describe(request));
    for (const TokenIds* ids : {&request.context, &request.continuation}) {
      for (const std::int32_t id : *ids) {
        if (id < 0 || id >= model_.config.vocabulary) throw input_error("{}: id {} is not below the vocabulary of {}", describe(request), id, model_.config.vocabulary);
      }
    }
    set.add(index, rows_to_score(request.context, request.continuation, static_cast<std::int64_t>(request.context.size() + request.continuation.size())));
  }

  void answer_generations(const Call& call, const OnResponse& on_response) {
    std::vector<Prompt> prompts;
    std::unordered_map<std::size_t, bool> truncated;
    for (std::size_t index = 0; index < call.requests.size(); ++index) {
      const auto* request = std::get_if<GenerateRequest>(&call.requests[index]);
      if (request == nullptr) continue;
      Prompt prompt = make_prompt(index, call, *request);
      const std::int64_t room = call.max_length - request->max_new_tokens, length = static_cast<std::int64_t>(prompt.ids.size());
      truncated[index] = length > room;
      if (length > room) prompt.ids.erase(prompt.ids.begin(), prompt.ids.end() - room);
      prompts.push_back(std::move(prompt));
    }
    if (prompts.empty()) return;
    const std::int64_t max_live_rows = 4 * options_.token_budget;
    generate(std::move(prompts), {model_, *tokenizer_, options_.token_budget, max_live_rows, options_.max_sequences, options_.sharing, counters_,
                                  [&](std::size_t owner, const Generated& generated) {
                                    Response response{.prompt_truncated = truncated.at(owner), .reply_truncated = generated.is_cut};
                                    response.text = cut_at_stop_strings(tokenizer_->decode(generated.ids, Tokenizer::SpecialText::kSkip), stops_of(call, owner));
                                    return on_response(owner, response);
                                  }});
  }

  Prompt make_prompt(std::size_t index, const Call& call, const GenerateRequest& request) const {
    if (request.max_new_tokens < 1) throw input_error("{}: max_new_tokens is {}, expected at least 1", describe(request), request.max_new_tokens);
    if (call.max_length <= request.max_new_tokens) {
      throw input_error("{}: max_new_tokens {} leave no room for a prompt in max_length {}; set a smaller max_new_tokens or a larger max_length", describe(request),
                        request.max_new_tokens, call.max_length);
    }
    Prompt prompt{index, call.encoder().encode(request.context), stops_of(call, index), request.max_new_tokens};
    if (prompt.ids.empty()) throw input_error("{}: the context has no token to start from; set add_bos", describe(request));
    return prompt;
  }

  std::vector<std::string> stops_of(const Call& call, std::size_t index) const {
    std::vector<std::string> stops = std::get<GenerateRequest>(call.requests[index]).until;
    if (tokenizer_->eos_id()) {
      std::string eos = tokenizer_->decode({*tokenizer_->eos_id()}, Tokenizer::SpecialText::kKeep);
      if (std::find(stops.begin(), stops.end(), eos) == stops.end()) stops.push_back(std::move(eos));
    }
    return stops;
  }

  Model model_;
  std::unique_ptr<Tokenizer> tokenizer_;
  EngineOptions options_;
  WorkCounters counters_;
};

}  // namespace

std::unique_ptr<LanguageModel> make_engine_language_model(Model model, std::unique_ptr<Tokenizer> tokenizer, const EngineOptions& options) {
  return std::make_unique<EngineLanguageModel>(std::move(model), std::move(tokenizer), options);
}

}  // namespace winnow
