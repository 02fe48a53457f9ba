#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/engine/model.h"
#include "harness/text/language_model.h"
#include "harness/text/prefix_tree.h"
#include "harness/text/tokenizer.h"

namespace winnow {

// A prompt to be continued greedily.
struct Prompt {
  std::size_t owner = 0;
  TokenIds ids;                    // not empty
  std::vector<std::string> until;  // with the text of EOS, as that harness adds it
  int max_new_tokens = 0;          // at least 1
};

struct Generated {
  TokenIds ids;         // new ones, that which ended it included
  bool is_cut = false;  // max_new_tokens ended it
};

// Continuous batching: prompts come in, common beginnings forwarded once, as sequences finish and as keys and values have room. Generation
// ends at an EOS id or when the text of the last tokens holds a stop string: as many tokens as the stop string has by itself, and two.
struct GenerationRun {
  const Model& model;
  const Tokenizer& tokenizer;
  std::int64_t token_budget;   // rows of a prefill batch
  std::int64_t max_live_rows;  // of keys and values, unless a single prompt needs more
  std::size_t max_sequences;   // decoded side by side
  PrefixSharing sharing;
  WorkCounters& counters;
  std::function<Continue(std::size_t owner, const Generated& generated)> on_generated;
};
void generate(std::vector<Prompt> prompts, const GenerationRun& run);

}  // namespace winnow
