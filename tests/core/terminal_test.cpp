#include "harness/core/terminal.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "harness/core/unicode.h"

namespace winnow {
namespace {

TEST(Printable, LeavesOrdinaryTextAlone) {
  EXPECT_EQ(printable("two lines\n\tand é€😀"), "two lines\n\tand é€😀");
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, ShowsWhatATerminalWouldObey) {
  const std::pair<std::string, std::string> cases[] = {
      {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
      {"\x1b]0;title\x07", "\\x1b]0;title\\x07"},
      {"\x1b]52;c;ZXZpbA==\x1b\\", "\\x1b]52;c;ZXZpbA==\\x1b\\"},
      {"\x1b]8;;http://x\x1b\\link", "\\x1b]8;;http://x\\x1b\\link"},
      {"over\rwritten", "over\\x0dwritten"},
      {"\x08\x08", "\\x08\\x08"},
      {std::string("a\0b", 3), "a\\x00b"},
      {"\x7f", "\\x7f"},
      {"\u009b31m", "\\u{9b}31m"},
      {"\u0085", "\\u{85}"},
      {"\u202egnp.exe", "\\u{202e}gnp.exe"},
      {"\u2066\u2069\u200f\u061c", "\\u{2066}\\u{2069}\\u{200f}\\u{61c}"},
      {"\u2028", "\\u{2028}"},
      {"a\xff\xfe", "a\\xff\\xfe"},
      {"\xe2\x82", "\\xe2\\x82"},
  };
  for (const auto& [text, shown] : cases) EXPECT_EQ(printable(text), shown);
}

TEST(OneLine, CutsToAWidthInCodePoints) {
  EXPECT_EQ(one_line("short", 10), "short");
  EXPECT_EQ(one_line("exactly 10", 10), "exactly 10");
  EXPECT_EQ(one_line("eleven char", 10), "eleven ch…");
  EXPECT_EQ(one_line("ééééé", 4), "ééé…");
  EXPECT_EQ(one_line("a\nb\tc", 10), "a\\nb c");
  EXPECT_EQ(one_line("ab", 1), "…");
  EXPECT_EQ(one_line("ab", 0), "");
  EXPECT_EQ(one_line("", 0), "");
  EXPECT_EQ(one_line("ab\x1b", 5), "ab…");
}

TEST(OneLine, ReadsOnlyWhatFits) { EXPECT_EQ(code_point_count(one_line(std::string(50'000'000, 'x'), 40)), 40u); }

RC_GTEST_PROP(Printable, IsAlwaysHarmlessUtf8, (const std::string& bytes)) {
  const std::string shown = printable(bytes);
  RC_ASSERT(is_valid_utf8(shown));
  for (const char c : shown) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
  RC_ASSERT(shown.find('\x7f') == std::string::npos);
  RC_ASSERT(code_point_count(one_line(bytes, 7)) <= 7);
  RC_ASSERT(printable(shown) == shown);
}

}  // namespace
}  // namespace winnow
