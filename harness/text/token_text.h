#pragma once
#include <string>
#include <string_view>

namespace winnow {

// Text of a row of tokens as the decoder in a Llama-type tokenizer.json makes it: ▁ is a space, a run of byte tokens <0xE2> that is valid
// UTF-8 becomes that text, and one U+FFFD per byte where it is not.
class TokenText {
 public:
  void append(std::string_view token);
  std::string finish();

 private:
  void flush_bytes();
  std::string text_, bytes_;
};

// transformers' clean_up_tokenization: no space before . ? ! , and in English contractions.
std::string clean_up_spaces(std::string text);

}  // namespace winnow
