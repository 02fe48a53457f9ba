#include "tasks/shared/wikitext_pages.h"

#include <utf8proc.h>

#include <algorithm>

#include "harness/core/unicode.h"

namespace winnow {
namespace {

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t begin = 0;
  for (std::size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, begin)) {
    out.append(text, begin, at - begin).append(to);
    begin = at + from.size();
  }
  return out.append(text, begin, std::string_view::npos);
}

// White space just inside a pair is removed; the body excludes the closing character, so the shortest pair counts.
std::string tighten(std::string_view text, char open, char close) {
  std::string out;
  std::size_t begin = 0;
  while (true) {
    const std::size_t first = text.find(open, begin);
    const std::size_t last = first == std::string_view::npos ? first : text.find(close, first + 1);
    if (last == std::string_view::npos) return out.append(text, begin, last);
    out.append(text, begin, first + 1 - begin).append(strip(text.substr(first + 1, last - first - 1)));
    out += close;
    begin = last + 1;
  }
}

bool is_title(const std::string& line) {
  const std::string folded = replace_all(replace_all(line, "= = =", "==="), "= =", "==");
  const std::string_view title = strip(folded);
  return title.starts_with("= ") && title.ends_with(" =");
}

// The regular expression /' [0-9]/ to the text /'[0-9]/, as the original has it: a slip there that never fires on real pages.
std::string replace_quoted_digit(std::string_view text) {
  constexpr std::string_view kBefore = "/' ";
  std::string out;
  std::size_t begin = 0;
  for (std::size_t at = text.find(kBefore); at != std::string_view::npos; at = text.find(kBefore, at)) {
    const std::size_t digit = at + kBefore.size();
    if (digit + 1 < text.size() && text[digit] >= '0' && text[digit] <= '9' && text[digit + 1] == '/') {
      out.append(text, begin, at - begin).append("/'[0-9]/");
      begin = at = digit + 2;
    } else {
      ++at;
    }
  }
  return out.append(text, begin, std::string_view::npos);
}

}  // namespace

std::vector<std::string> cut_pages(std::string_view file) {
  std::vector<std::string> pages;
  std::string page;
  bool has_lines = false;
  const auto finish = [&] {
    if (!strip(page).empty()) pages.push_back(page);
    page.clear();
    has_lines = false;
  };
  for (std::size_t begin = 0; begin <= file.size();) {
    const std::size_t end = std::min(file.find('\n', begin), file.size());
    const std::string line(file.substr(begin, end - begin));
    begin = end + 1;
    if (is_title(line)) finish();
    if (has_lines) page += '\n';
    page += line;
    has_lines = true;
  }
  finish();
  return pages;
}

std::string detokenise(std::string_view page) {
  std::string text = replace_quoted_digit(replace_all(page, "s '", "s'"));
  static constexpr std::pair<const char*, const char*> kSeparators[] = {{" @-@ ", "-"}, {" @,@ ", ","}, {" @.@ ", "."}, {" : ", ": "}, {" ; ", "; "},
                                                                        {" . ", ". "},  {" ! ", "! "},  {" ? ", "? "},  {" , ", ", "}};
  for (const auto& [from, to] : kSeparators) text = replace_all(text, from, to);
  static constexpr std::pair<char, char> kPairs[] = {{'(', ')'}, {'[', ']'}, {'{', '}'}, {'"', '"'}, {'\'', '\''}};
  for (const auto& [open, close] : kPairs) text = tighten(text, open, close);
  static constexpr std::pair<const char*, const char*> kRest[] = {{"= = = =", "===="}, {"= = =", "==="}, {"= =", "=="},  {" \u00b0 ", "\u00b0"},
                                                                  {" \n", "\n"},       {"\n ", "\n"},    {" N ", " 1 "}, {" 's", "'s"}};
  for (const auto& [from, to] : kRest) text = replace_all(text, from, to);
  return text;
}

std::int64_t count_words(std::string_view page) {
  std::int64_t runs = 0;
  bool in_space = false;
  for (std::size_t at = 0; at < page.size();) {
    utf8proc_int32_t code_point = 0;
    const auto bytes =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(page.data() + at), static_cast<utf8proc_ssize_t>(page.size() - at), &code_point);
    at += bytes > 0 ? static_cast<std::size_t>(bytes) : 1;
    const bool space = bytes > 0 && is_python_space(static_cast<char32_t>(code_point));
    runs += space && !in_space;
    in_space = space;
  }
  return runs + 1;
}

}  // namespace winnow
