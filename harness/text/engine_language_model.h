#pragma once
#include <cstdint>
#include <memory>

#include "harness/engine/model.h"
#include "harness/text/language_model.h"
#include "harness/text/prefix_tree.h"
#include "harness/text/tokenizer.h"

namespace winnow {

struct EngineOptions {
  std::int64_t token_budget = 8192;  // rows of one batch
  PrefixSharing sharing = PrefixSharing::kOn;
  std::size_t max_sequences = 64;  // generated side by side
};

// Our engine as a language model. Keys and values are kept for at most one path and one batch of rows while scoring, and for about
// 4 · token_budget rows while generating. `tokenizer` may be null: then only requests of token ids are answered.
std::unique_ptr<LanguageModel> make_engine_language_model(Model model, std::unique_ptr<Tokenizer> tokenizer, const EngineOptions& options = {});

}  // namespace winnow
