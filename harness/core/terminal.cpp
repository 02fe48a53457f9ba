#include "harness/core/terminal.h"

#include "harness/core/error.h"
#include "harness/core/unicode.h"

namespace winnow {
namespace {

bool is_control(char32_t c) { return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c <= 0x9f); }

// What turns the direction of a line, or breaks it, without being seen.
bool is_unseen(char32_t c) { return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069); }

void append_printable(std::string& out, const CodePoint& decoded, std::string_view bytes) {
  if (!decoded.valid) {
    for (const char byte : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  } else if (is_control(decoded.value) && decoded.value < 0x80) {
    out += fmt::format("\\x{:02x}", static_cast<unsigned>(decoded.value));
  } else if (is_control(decoded.value) || is_unseen(decoded.value)) {
    out += fmt::format("\\u{{{:x}}}", static_cast<unsigned>(decoded.value));
  } else {
    out += bytes;
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint decoded = decode_utf8(text, at);
    append_printable(out, decoded, text.substr(at, decoded.bytes));
    at += decoded.bytes;
  }
  return out;
}

std::string one_line(std::string_view text, std::size_t width) {
  std::string out;
  std::size_t used = 0;
  std::size_t fits = 0;  // bytes of `out` that leave room for the ellipsis
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint decoded = decode_utf8(text, at);
    std::string piece;
    if (decoded.value == '\n' || decoded.value == '\t') {
      piece = decoded.value == '\n' ? "\\n" : " ";
    } else {
      append_printable(piece, decoded, text.substr(at, decoded.bytes));
    }
    used += code_point_count(piece);
    if (used > width) return width == 0 ? "" : out.substr(0, fits) + "…";
    out += piece;
    if (used + 1 <= width) fits = out.size();
    at += decoded.bytes;
  }
  return out;
}

}  // namespace winnow
