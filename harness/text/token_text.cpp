#include "harness/text/token_text.h"

#include <array>
#include <charconv>
#include <utility>

#include "harness/core/unicode.h"

namespace winnow {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::size_t read = 0;
  std::string replaced;
  for (std::size_t at; (at = text.find(from, read)) != std::string::npos; read = at + from.size()) replaced.append(text, read, at - read).append(to);
  text = replaced.append(text, read);
}

bool is_byte_token(std::string_view token, std::uint8_t& byte) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return false;
  const auto [end, fault] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  return fault == std::errc() && end == token.data() + 5;
}

}  // namespace

void TokenText::append(std::string_view token) {
  std::uint8_t byte = 0;
  if (is_byte_token(token, byte)) {
    bytes_.push_back(static_cast<char>(byte));
    return;
  }
  flush_bytes();
  constexpr std::string_view kSpace = "\xe2\x96\x81";
  std::size_t read = 0;
  for (std::size_t at; (at = token.find(kSpace, read)) != std::string_view::npos; read = at + kSpace.size())
    text_.append(token, read, at - read).push_back(' ');
  text_.append(token, read);
}

void TokenText::flush_bytes() {
  if (is_valid_utf8(bytes_)) {
    text_.append(bytes_);
  } else {
    for (std::size_t i = 0; i < bytes_.size(); ++i) text_.append("\xef\xbf\xbd");
  }
  bytes_.clear();
}

std::string TokenText::finish() {
  flush_bytes();
  return std::exchange(text_, {});
}

std::string clean_up_spaces(std::string text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kRules = {{
      {" .", "."},
      {" ?", "?"},
      {" !", "!"},
      {" ,", ","},
      {" ' ", "'"},
      {" n't", "n't"},
      {" 'm", "'m"},
      {" 's", "'s"},
      {" 've", "'ve"},
      {" 're", "'re"},
  }};
  for (const auto& [from, to] : kRules) replace_all(text, from, to);
  return text;
}

}  // namespace winnow
