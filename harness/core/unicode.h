#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace winnow {

// One step of reading UTF-8. Invalid bytes: `bytes` is the longest beginning of a sequence that could have been valid (at least 1), `value` U+FFFD.
struct CodePoint {
  char32_t value;
  std::size_t bytes;
  bool valid;
};
CodePoint decode_utf8(std::string_view text, std::size_t at);  // at < text.size()
void append_utf8(std::string& text, char32_t code_point);

bool is_valid_utf8(std::string_view text);
std::string replace_invalid_utf8(std::string_view text);  // each bad byte sequence becomes U+FFFD, as Python's errors="replace"
std::size_t code_point_count(std::string_view text);      // Python's len(str) after that replacement

// Python's str methods, whose white space, case and splitting follow Unicode.
bool is_python_space(char32_t code_point);
std::string_view strip(std::string_view text);
std::string_view strip_right(std::string_view text);
std::string_view strip_left(std::string_view text);
std::string lower(std::string_view text);       // str.lower
std::string capitalize(std::string_view text);  // str.capitalize: first code point title-cased, the rest lower-cased

}  // namespace winnow
