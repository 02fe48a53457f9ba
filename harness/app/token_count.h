#pragma once
#include <optional>

#include "harness/api/dataset.h"
#include "harness/sweep/sweep_file.h"
#include "harness/text/tokenizer.h"

namespace winnow {

// Tokens that a task asks of a model: of prompts and continuations, and those it may generate at most.
struct TokenCount {
  double prompt = 0, generated = 0;
  bool is_sampled = false;  // counted over some examples only
};

// Nothing for a task that asks no questions. Counts over up to 64 examples, spread evenly.
std::optional<TokenCount> count_tokens(const TaskSpec& spec, DatasetSource& datasets, const Tokenizer& tokenizer);

}  // namespace winnow
