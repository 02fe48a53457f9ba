// What makes foreign text harmless never fails and never lets a control character through.
#include <cstdint>
#include <string_view>

#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "harness/core/unicode.h"

namespace winnow {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::string shown = printable(text), valid = replace_invalid_utf8(text);
  WINNOW_CHECK(is_valid_utf8(shown) && is_valid_utf8(valid) && printable(shown) == shown);
  for (const char c : shown) WINNOW_CHECK(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
  WINNOW_CHECK(code_point_count(text) == code_point_count(valid) && is_valid_utf8(text) == (valid == text));
  WINNOW_CHECK(code_point_count(one_line(text, 20)) <= 20);
  WINNOW_CHECK(strip(strip(text)) == strip(text) && lower(lower(valid)).size() > 0 == !valid.empty());
  WINNOW_CHECK(is_valid_utf8(capitalize(valid)));
  return 0;
}

}  // namespace winnow
