#include "harness/core/display_width.h"

#include <utf8proc.h>

#include "harness/core/unicode.h"

namespace winnow {

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint decoded = decode_utf8(text, at);
    width += static_cast<std::size_t>(utf8proc_charwidth(static_cast<utf8proc_int32_t>(decoded.value)));
    at += decoded.bytes;
  }
  return width;
}

}  // namespace winnow
