#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/text/requests.h"

namespace winnow {

// How requests are to be read; part of the cell key through the task's settings.
struct AnswerSettings {
  std::optional<int> max_length;  // context window; default: the model's
  std::optional<bool> add_bos;    // default: the tokenizer's own rule
  std::string profile = "lmeval-head";
};

// Deterministic counters and times of the work done since the model was opened.
struct WorkCounters {
  std::int64_t tokens_asked =
      0;  // of all requests, were each forwarded alone (lm-eval's rows: choices of one question that share context+continuation[:-1] count once)
  std::int64_t tokens_forwarded = 0;  // rows that really went through the layers
  std::int64_t tokens_decoded = 0;    // of those, one-token decode steps
  // Of those forwarded, rows of sequences that had ended before: a device is given a step before the host has seen the last one's tokens. They are
  // neither asked nor decoded, but their experts are counted.
  std::int64_t tokens_dropped = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;           // while a decode step was under way, from its launch until the host had its tokens; no moment twice
  std::int64_t merged_boundaries = 0;  // score requests whose context's ids changed when the continuation was encoded with it
  std::int64_t expert_evaluations = 0, expert_evaluations_skipped = 0;
};

enum class Continue { kYes, kNo };

// All that the runner needs of a model: requests in, likelihoods or text out.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  // Calls on_response(index into requests, response) once per request, in whatever order they finish, and stops early after kNo.
  // Batches, packs and shares prefixes behind this call; memory is bounded by the token budget whatever the number of requests.
  // Throws Error(kUnsupported) for a request kind the model cannot answer, std::runtime_error for non-finite logits (layer and position named).
  using OnResponse = std::function<Continue(std::size_t index, const Response& response)>;
  virtual void answer(std::span<const Request> requests, const AnswerSettings& settings, const OnResponse& on_response) = 0;

  // Token ids of a text, with the special tokens its tokenizer adds (BOS) or none. Throws Error(kUnsupported) where there is no tokenizer.
  enum class Special { kAdd, kNone };
  virtual std::vector<std::int32_t> encode(std::string_view text, Special special) const = 0;

  virtual WorkCounters counters() const = 0;
};

}  // namespace winnow
