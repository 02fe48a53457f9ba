// A pattern and a text, divided by the first NUL: matches lie in the text, in order, or there is a sentence.
#include <cstdint>
#include <string_view>

#include "harness/core/error.h"
#include "harness/core/regex.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view both(reinterpret_cast<const char*>(bytes), size);
  const std::size_t middle = both.find('\0');
  const std::string_view text = middle == both.npos ? "" : both.substr(middle + 1);
  try {
    const winnow::Regex regex(both.substr(0, middle));
    std::size_t end = 0;
    regex.for_each(text, [&](const winnow::RegexMatch& match) {
      WINNOW_CHECK(end <= match.end && match.begin <= match.end && match.end <= text.size() && match.groups.size() == regex.group_count() + 1);
      end = match.end;
    });
    regex.replace_all(text, "<\\g<0>>");
  } catch (const winnow::Error&) {}
  return 0;
}
