#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "harness/text/language_model.h"

namespace winnow::test {

// A model without weights: answers are functions of the request's text, exact in binary. The formulas are those of the recorded runs in tests/fixtures/lm_eval.
class ScriptedLanguageModel : public LanguageModel {
 public:
  using Reply = std::function<std::string(std::string_view context)>;  // raw text, before it is cut at the stop strings
  explicit ScriptedLanguageModel(Reply reply = {}) : reply_(std::move(reply)) {}

  void answer(std::span<const Request> requests, const AnswerSettings& settings, const OnResponse& on_response) override;
  // Bytes as ids from 3 on; BOS is 1.
  std::vector<std::int32_t> encode(std::string_view text, Special special) const override;
  WorkCounters counters() const override { return counters_; }

 private:
  Reply reply_;
  WorkCounters counters_;
};

}  // namespace winnow::test
