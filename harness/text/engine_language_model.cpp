#include "harness/text/engine_language_model.h"

#include <algorithm>
#include <unordered_map>

#include "harness/core/error.h"
#include "harness/text/generation.h"
#include "harness/text/request_encoder.h"
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
    const RequestEncoder encoder(tokenizer_.get(), settings, model_.config.max_positions > 0 ? model_.config.max_positions : kDefaultMaxLength,
                                 model_.config.vocabulary);
    const Continue going_on = answer_scores(requests, encoder, on_response);
    if (going_on == Continue::kYes) answer_generations(requests, encoder, on_response);
  }

  std::vector<std::int32_t> encode(std::string_view text, Special special) const override {
    if (!tokenizer_) throw unsupported_error("this model has no tokenizer");
    return tokenizer_->encode(text, special == Special::kAdd ? Tokenizer::Special::kAdd : Tokenizer::Special::kNone);
  }

  WorkCounters counters() const override { return counters_; }

 private:
  Continue answer_scores(std::span<const Request> requests, const RequestEncoder& encoder, const OnResponse& on_response) {
    ScoreSet set;
    std::unordered_map<std::size_t, bool> truncated;
    std::vector<std::size_t> empty;  // texts without a token
    for (std::size_t index = 0; index < requests.size(); ++index) {
      std::optional<RequestEncoder::Rows> rows = encoder.rows_of(requests[index]);
      if (!rows) continue;
      counters_.merged_boundaries += rows->merged_boundary ? 1 : 0;
      truncated[index] = rows->truncated;
      if (rows->parts.empty()) empty.push_back(index);
      for (ScoredRows& part : rows->parts) set.add(index, std::move(part));
    }
    for (const std::size_t index : empty) {
      if (on_response(index, {.log_likelihood = 0, .is_greedy = true}) == Continue::kNo) return Continue::kNo;
    }
    Continue going_on = Continue::kYes;
    set.score({model_, options_.token_budget, options_.sharing, counters_, [&](std::size_t owner, const ScoreSet::Total& total) {
                 return going_on =
                            on_response(owner, {.log_likelihood = total.log_likelihood, .is_greedy = total.is_greedy, .prompt_truncated = truncated.at(owner)});
               }});
    return going_on;
  }

  void answer_generations(std::span<const Request> requests, const RequestEncoder& encoder, const OnResponse& on_response) {
    std::vector<Prompt> prompts;
    std::unordered_map<std::size_t, bool> truncated;
    for (std::size_t index = 0; index < requests.size(); ++index) {
      std::optional<RequestEncoder::Continued> prompt = encoder.prompt_of(requests[index]);
      if (!prompt) continue;
      truncated[index] = prompt->truncated;
      prompts.push_back({index, std::move(prompt->ids), with_eos(std::move(prompt->until)), prompt->max_new_tokens});
    }
    if (prompts.empty()) return;
    const std::int64_t max_live_rows = 4 * options_.token_budget;
    generate(std::move(prompts), {model_, *tokenizer_, options_.token_budget, max_live_rows, options_.max_sequences, options_.sharing, counters_,
                                  [&](std::size_t owner, const Generated& generated) {
                                    Response response{.prompt_truncated = truncated.at(owner), .reply_truncated = generated.is_cut};
                                    response.text = cut_at_stop_strings(tokenizer_->decode(generated.ids, Tokenizer::SpecialText::kSkip),
                                                                        with_eos(std::get<GenerateRequest>(requests[owner]).until));
                                    return on_response(owner, response);
                                  }});
  }

  std::vector<std::string> with_eos(std::vector<std::string> stops) const {
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
