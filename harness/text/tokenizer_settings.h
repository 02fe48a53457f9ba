#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/json.h"

namespace winnow {

// A token that is cut out of a text before SentencePiece sees the rest.
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool strips_left = false, strips_right = false;  // swallows the white space beside it
  bool single_word = false;                        // not inside a word
  bool special = true;                             // left out by decode with SpecialText::kSkip
};

// What Hugging Face's files beside tokenizer.model say: tokenizer_config.json, special_tokens_map.json, added_tokens.json, and of tokenizer.json where a ▁ is
// put in front. All may be missing.
struct TokenizerSettings {
  std::vector<AddedToken> added;
  std::optional<std::int32_t> bos, eos;
  bool adds_bos = true, adds_eos = false;
  bool legacy_prefix = true;      // a text after a special token gets a ▁ of its own; else only the beginning of the whole text
  bool adds_prefix_space = true;  // false (only without legacy_prefix): not even that
  bool keeps_first_space = true;  // false: a text that begins with a space gets no ▁ before it
  bool cleans_up_spaces = false;  // decode removes the space before punctuation and English contractions

  Json to_json() const;  // all that decides ids and texts
};

// `piece_id`: id of a piece of tokenizer.model; `pieces`: their number. Throws Error(kInput | kUnsupported) naming file, key and value.
TokenizerSettings read_tokenizer_settings(const std::filesystem::path& folder, const std::function<std::optional<std::int32_t>(const std::string&)>& piece_id,
                                          std::int32_t pieces, std::int64_t vocabulary);

}  // namespace winnow
