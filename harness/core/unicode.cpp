#include "harness/core/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace winnow {
namespace {

// utf8proc knows the simple mappings; these are the code points whose title case is more than one (Unicode's SpecialCasing.txt).
struct FullTitle {
  char32_t from;
  std::array<char32_t, 3> to;  // 0: no more
};
constexpr FullTitle kFullTitles[] = {
    {0xdf, {0x53, 0x73}},
    {0x149, {0x2bc, 0x4e}},
    {0x1f0, {0x4a, 0x30c}},
    {0x390, {0x399, 0x308, 0x301}},
    {0x3b0, {0x3a5, 0x308, 0x301}},
    {0x587, {0x535, 0x582}},
    {0x1e96, {0x48, 0x331}},
    {0x1e97, {0x54, 0x308}},
    {0x1e98, {0x57, 0x30a}},
    {0x1e99, {0x59, 0x30a}},
    {0x1e9a, {0x41, 0x2be}},
    {0x1f50, {0x3a5, 0x313}},
    {0x1f52, {0x3a5, 0x313, 0x300}},
    {0x1f54, {0x3a5, 0x313, 0x301}},
    {0x1f56, {0x3a5, 0x313, 0x342}},
    {0x1fb2, {0x1fba, 0x345}},
    {0x1fb4, {0x386, 0x345}},
    {0x1fb6, {0x391, 0x342}},
    {0x1fb7, {0x391, 0x342, 0x345}},
    {0x1fc2, {0x1fca, 0x345}},
    {0x1fc4, {0x389, 0x345}},
    {0x1fc6, {0x397, 0x342}},
    {0x1fc7, {0x397, 0x342, 0x345}},
    {0x1fd2, {0x399, 0x308, 0x300}},
    {0x1fd3, {0x399, 0x308, 0x301}},
    {0x1fd6, {0x399, 0x342}},
    {0x1fd7, {0x399, 0x308, 0x342}},
    {0x1fe2, {0x3a5, 0x308, 0x300}},
    {0x1fe3, {0x3a5, 0x308, 0x301}},
    {0x1fe4, {0x3a1, 0x313}},
    {0x1fe6, {0x3a5, 0x342}},
    {0x1fe7, {0x3a5, 0x308, 0x342}},
    {0x1ff2, {0x1ffa, 0x345}},
    {0x1ff4, {0x38f, 0x345}},
    {0x1ff6, {0x3a9, 0x342}},
    {0x1ff7, {0x3a9, 0x342, 0x345}},
    {0xfb00, {0x46, 0x66}},
    {0xfb01, {0x46, 0x69}},
    {0xfb02, {0x46, 0x6c}},
    {0xfb03, {0x46, 0x66, 0x69}},
    {0xfb04, {0x46, 0x66, 0x6c}},
    {0xfb05, {0x53, 0x74}},
    {0xfb06, {0x53, 0x74}},
    {0xfb13, {0x544, 0x576}},
    {0xfb14, {0x544, 0x565}},
    {0xfb15, {0x544, 0x56b}},
    {0xfb16, {0x54e, 0x576}},
    {0xfb17, {0x544, 0x56d}},
};

constexpr char32_t kCapitalSigma = 0x3a3, kSmallSigma = 0x3c3, kFinalSigma = 0x3c2;

bool is_continuation(unsigned char byte) { return (byte & 0xc0) == 0x80; }

// Unicode's Case_Ignorable: categories, and the characters within words of UAX 29.
bool is_case_ignorable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: break;
  }
  constexpr char32_t kWithinWords[] = {0x27,   0x2e,   0x3a,   0xb7,   0x387,  0x55f,  0x5f4,  0x2018, 0x2019,
                                       0x2024, 0x2027, 0xfe13, 0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a};
  return std::ranges::binary_search(kWithinWords, c);
}

// Unicode's Cased: letters with case, and Other_Lowercase and Other_Uppercase where they are not case-ignorable.
bool is_cased(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT: return true;
    default: break;
  }
  return c == 0xaa || c == 0xba || (c >= 0x2160 && c <= 0x217f) || (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
         (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
}

bool cased_follows(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const CodePoint next = decode_utf8(text, at);
    if (!is_case_ignorable(next.value)) return is_cased(next.value);
    at += next.bytes;
  }
  return false;
}

void append_title(std::string& out, char32_t c) {
  const auto full = std::ranges::lower_bound(kFullTitles, c, {}, &FullTitle::from);
  if (full == std::end(kFullTitles) || full->from != c) return append_utf8(out, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))));
  for (const char32_t part : full->to) {
    if (part) append_utf8(out, part);
  }
}

// Lower-cases text from byte `at` on; what stands before counts as context. One walk: what a sigma needs to know of its left is carried along.
void append_lower(std::string& out, std::string_view text, std::size_t at) {
  bool after_cased = false;  // a cased letter stands to the left, with only case-ignorable ones between
  for (std::size_t seen = 0; seen < text.size();) {
    const CodePoint c = decode_utf8(text, seen);
    if (seen >= at) {
      if (!c.valid) {
        out += text.substr(seen, c.bytes);
      } else if (c.value == kCapitalSigma) {
        append_utf8(out, after_cased && !cased_follows(text, seen + c.bytes) ? kFinalSigma : kSmallSigma);
      } else if (c.value == 0x130) {
        out += "i\u0307";
      } else {
        append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c.value))));
      }
    }
    if (!is_case_ignorable(c.value)) after_cased = is_cased(c.value);
    seen += c.bytes;
  }
}

}  // namespace

// Table 3-7 of the Unicode standard: only the second byte's range depends on the first.
CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (length == 0) return {0xfffd, 1, false};
  const unsigned char lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  char32_t value = lead & (0xff >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const bool fits = at + i < text.size() && (i == 1 ? byte(1) >= lowest && byte(1) <= highest : is_continuation(byte(i)));
    if (!fits) return {0xfffd, i, false};
    value = (value << 6) | (byte(i) & 0x3f);
  }
  return {value, length, true};
}

void append_utf8(std::string& text, char32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += {static_cast<char>(0xc0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3f))};
  } else if (c < 0x10000) {
    text += {static_cast<char>(0xe0 | (c >> 12)), static_cast<char>(0x80 | ((c >> 6) & 0x3f)), static_cast<char>(0x80 | (c & 0x3f))};
  } else {
    text += {static_cast<char>(0xf0 | (c >> 18)), static_cast<char>(0x80 | ((c >> 12) & 0x3f)), static_cast<char>(0x80 | ((c >> 6) & 0x3f)),
             static_cast<char>(0x80 | (c & 0x3f))};
  }
}

bool is_valid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (!c.valid) return false;
    at += c.bytes;
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    out += c.valid ? text.substr(at, c.bytes) : std::string_view("\ufffd");
    at += c.bytes;
  }
  return out;
}

std::size_t code_point_count(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) at += decode_utf8(text, at).bytes;
  return count;
}

bool is_python_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

std::string_view strip_left(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = decode_utf8(text, 0);
    if (!c.valid || !is_python_space(c.value)) break;
    text.remove_prefix(c.bytes);
  }
  return text;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && text.size() - start < 4 && is_continuation(static_cast<unsigned char>(text[start]))) --start;
    const CodePoint last = decode_utf8(text, start);
    if (!last.valid || start + last.bytes != text.size() || !is_python_space(last.value)) break;
    text.remove_suffix(last.bytes);
  }
  return text;
}

std::string_view strip(std::string_view text) { return strip_left(strip_right(text)); }

std::string lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_lower(out, text, 0);
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out;
  if (text.empty()) return out;
  out.reserve(text.size() + 4);
  const CodePoint first = decode_utf8(text, 0);
  if (first.valid) {
    append_title(out, first.value);
  } else {
    out += text.substr(0, first.bytes);
  }
  append_lower(out, text, first.bytes);
  return out;
}

}  // namespace winnow
