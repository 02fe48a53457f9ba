#include "tasks/shared/answer_filters.h"

#include "harness/core/unicode.h"

namespace winnow {
namespace {

constexpr auto kNone = std::string_view::npos;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_number_part(char c) { return is_digit(c) || c == '.' || c == ','; }

// Length of `\-?[0-9\.\,]+` at `begin`, 0 where it does not match.
std::size_t number_length(std::string_view text, std::size_t begin) {
  const std::size_t sign = begin < text.size() && text[begin] == '-' ? 1 : 0;
  std::size_t end = begin + sign;
  while (end < text.size() && is_number_part(text[end])) ++end;
  return end > begin + sign ? end - begin : 0;
}

std::string stripped(std::string_view text) { return std::string(strip(text)); }

std::string first_code_points(const std::string& text, std::size_t count) {
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool begins_code_point = (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
    if (begins_code_point && count-- == 0) break;
  }
  return text.substr(0, end);
}

void erase_all(std::string& text, char c) { std::erase(text, c); }

}  // namespace

std::string_view cut_at_stop_strings(std::string_view reply, const std::vector<std::string>& until) {
  for (const std::string& stop : until) {
    if (!stop.empty()) reply = reply.substr(0, reply.find(stop));
  }
  return reply;
}

std::string extract_after_hashes(std::string_view reply) {
  constexpr std::string_view kMark = "#### ";
  for (std::size_t at = reply.find(kMark); at != kNone; at = reply.find(kMark, at + 1)) {
    const std::size_t begin = at + kMark.size();
    if (const std::size_t length = number_length(reply, begin); length > 0) return stripped(reply.substr(begin, length));
  }
  return kInvalid;
}

std::string extract_after_the_answer_is(std::string_view reply) {
  constexpr std::string_view kMark = "The answer is ";
  for (std::size_t at = reply.find(kMark); at != kNone; at = reply.find(kMark, at + 1)) {
    const std::size_t begin = at + kMark.size();
    std::size_t length = number_length(reply, begin);
    if (length == 0) continue;
    const std::size_t next = begin + length;
    if (next >= reply.size() || reply[next] == '\n') --length;  // the pattern's dot takes the last character of the number
    if (length > (reply[begin] == '-' ? 1u : 0u)) return stripped(reply.substr(begin, length));
  }
  return kInvalid;
}

std::string extract_last_number(std::string_view reply) {
  std::string_view last;
  for (std::size_t at = 0; at < reply.size();) {
    const std::size_t sign = reply[at] == '-' ? 1 : 0;
    std::size_t end = at + sign;
    while (end < reply.size() && (is_number_part(reply[end]) || reply[end] == '$')) ++end;
    std::size_t length = end - at;
    if (length - sign < 2) {  // the second alternative: digits only
      end = at + sign;
      while (end < reply.size() && is_digit(reply[end])) ++end;
      length = end > at + sign ? end - at : 0;
    }
    if (length > 0) last = reply.substr(at, length);
    at += length > 0 ? length : 1;
  }
  return last.empty() ? kInvalid : stripped(last);
}

std::string normalised_number(std::string_view given) {
  std::string text(given);
  erase_all(text, ',');
  erase_all(text, '$');
  if (const std::size_t mark = text.rfind("#### "); mark != kNone) text.erase(0, mark + 5);
  const std::size_t end = text.ends_with('\n') ? text.size() - 1 : text.size();  // `$` also matches before a last line break
  if (end > 0 && text[end - 1] == '.') text.erase(end - 1, 1);
  // lm-eval compares in numpy arrays: they drop NULs at the end, and a text that grows in lower case is cut to the length it had.
  while (text.ends_with('\0')) text.pop_back();
  return first_code_points(lower(text), code_point_count(text));
}

}  // namespace winnow
