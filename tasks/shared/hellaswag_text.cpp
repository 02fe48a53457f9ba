#include "tasks/shared/hellaswag_text.h"

#include "harness/core/unicode.h"

namespace winnow {
namespace {

// Python's str.replace.
std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  for (std::size_t at = 0;;) {
    const std::size_t found = text.find(from, at);
    result += text.substr(at, found - at);
    if (found == std::string_view::npos) return result;
    result += to;
    at = found + from.size();
  }
}

// re.sub(r"\[.*?\]", "", text): a bracket is closed on its own line.
std::string without_brackets(std::string_view text) {
  std::string result;
  for (std::size_t at = 0;;) {
    const std::size_t open = text.find('[', at);
    result += text.substr(at, open - at);
    if (open == std::string_view::npos) return result;
    const std::size_t end = text.find_first_of("]\n", open);
    if (end == std::string_view::npos) return result.append(text.substr(open));
    if (text[end] == '\n') result += text.substr(open, end + 1 - open);
    at = end + 1;
  }
}

}  // namespace

std::string clean_hellaswag_text(std::string_view text) { return replaced(without_brackets(replaced(strip(text), " [title]", ". ")), "  ", " "); }

}  // namespace winnow
