// Any bytes give a value or a sentence; a value comes back unchanged through its canonical form.
#include <cstdint>
#include <string_view>

#include "harness/core/error.h"
#include "harness/core/json.h"
#include "harness/core/unicode.h"

namespace winnow {
namespace {

void check(std::string_view text, JsonComments comments) {
  Json value;
  try {
    value = parse_json(text, "f", comments);
  } catch (const Error& error) {
    const std::string_view sentence = error.what();
    WINNOW_CHECK(sentence.starts_with("f:") && sentence.size() < 400 && is_valid_utf8(sentence));
    return;
  }
  const std::string canonical = canonical_json(value);
  WINNOW_CHECK(canonical_json(parse_json(canonical, "f")) == canonical);
  if (comments == JsonComments::kRefused) WINNOW_CHECK(parse_ordered_json(text, "f").size() == value.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  check(text, JsonComments::kRefused);
  check(text, JsonComments::kAllowed);
  return 0;
}

}  // namespace winnow
