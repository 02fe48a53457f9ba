#include "harness/core/unicode.h"

#include <gtest/gtest.h>

#include "harness/core/digest.h"
#include "harness/core/json.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

Json recorded(const char* name) { return parse_json(test::read_text(test::fixture(name)), name); }

std::string utf8(char32_t code_point) {
  std::string text;
  append_utf8(text, code_point);
  return text;
}

// SHA-256 over one line per code point that Unicode 14 assigns, as tests/fixtures/core/record.py makes it.
template <class Line>
std::string digest_of_all(Line line) {
  Sha256 digest;
  std::string_view separator;
  const Json assigned = recorded("core/python_unicode.json")["assigned"];
  for (const Json& range : assigned) {
    for (char32_t c = range[0].get<std::uint32_t>(); c <= range[1].get<std::uint32_t>(); ++c) {
      digest.update(separator);
      digest.update(line(utf8(c)));
      separator = "\n";
    }
  }
  return digest.hex();
}

TEST(Lower, EqualsPythonOnEveryCodePoint) {
  EXPECT_EQ(digest_of_all([](const std::string& c) { return lower(c); }), recorded("core/python_unicode.json")["lower_all"].get<std::string>());
}

TEST(Lower, ChoosesTheFinalSigmaAsPythonBesideEveryCodePoint) {
  const auto line = [](const std::string& c) { return lower(c + "Σ") + lower(c + "AΣ") + lower("A" + c + "Σ") + lower("AΣ" + c) + lower("AΣ" + c + "A"); };
  EXPECT_EQ(digest_of_all(line), recorded("core/python_unicode.json")["sigma_all"].get<std::string>());
}

TEST(Capitalize, EqualsPythonOnEveryCodePoint) {
  EXPECT_EQ(digest_of_all([](const std::string& c) { return capitalize(c + c); }), recorded("core/python_unicode.json")["capitalize_all"].get<std::string>());
}

TEST(Strip, EqualsPythonOnEveryCodePoint) {
  const auto line = [](const std::string& c) { return std::to_string(code_point_count(strip(c + "a" + c))); };
  EXPECT_EQ(digest_of_all(line), recorded("core/python_unicode.json")["strip_all"].get<std::string>());
}

TEST(Case, EqualsLmEvalsRecordedCases) {
  const Json functions = recorded("core/lm_eval_functions.json");
  for (const Json& pair : functions["python_lower"]) EXPECT_EQ(lower(pair[0].get<std::string>()), pair[1].get<std::string>());
  for (const Json& pair : functions["python_capitalize"]) EXPECT_EQ(capitalize(pair[0].get<std::string>()), pair[1].get<std::string>());
  for (const Json& pair : functions["python_rstrip_len"])
    EXPECT_EQ(code_point_count(strip_right(pair[0].get<std::string>())), pair[1].get<std::size_t>()) << pair[0];
}

TEST(Case, KnowsSharpSDotlessIAndFinalSigma) {
  EXPECT_EQ(capitalize("ßa"), "Ssa");
  EXPECT_EQ(lower("İ"), "i\u0307");
  EXPECT_EQ(lower("ΟΔΟΣ ΣΑΣ"), "οδος σας");
  EXPECT_EQ(capitalize("he SAID"), "He said");
  EXPECT_EQ(capitalize(""), "");
}

TEST(Case, LeavesInvalidBytesAlone) {
  EXPECT_EQ(lower("A\xff"
                  "B"),
            "a\xff"
            "b");
  EXPECT_EQ(capitalize("\xff"
                       "AB"),
            "\xff"
            "ab");
}

TEST(Strip, TakesOffEitherSide) {
  EXPECT_EQ(strip("\u00a0 a b\u3000\n"), "a b");
  EXPECT_EQ(strip_left(" a "), "a ");
  EXPECT_EQ(strip_right(" a "), " a");
  EXPECT_EQ(strip(" \t\n"), "");
  EXPECT_EQ(strip_right("a\x80"), "a\x80");
}

TEST(ReplaceInvalidUtf8, EqualsPythonsErrorsReplace) {
  const Json broken = recorded("core/python_unicode.json")["broken"];
  ASSERT_EQ(broken.size(), 300u);
  for (const Json& pair : broken) {
    const std::string hex = pair[0];
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    EXPECT_EQ(replace_invalid_utf8(bytes), pair[1].get<std::string>()) << hex;
    EXPECT_EQ(is_valid_utf8(bytes), replace_invalid_utf8(bytes) == bytes) << hex;
    EXPECT_EQ(code_point_count(bytes), code_point_count(replace_invalid_utf8(bytes))) << hex;
  }
}

TEST(Utf8, DecodesWhatItEncodes) {
  for (const char32_t c : {0x0u, 0x7fu, 0x80u, 0x7ffu, 0x800u, 0xd7ffu, 0xe000u, 0xffffu, 0x10000u, 0x10ffffu}) {
    const CodePoint decoded = decode_utf8(utf8(c), 0);
    EXPECT_EQ(decoded.value, c);
    EXPECT_EQ(decoded.bytes, utf8(c).size());
    EXPECT_TRUE(decoded.valid);
  }
}

TEST(Utf8, RefusesSurrogatesOverlongFormsAndWhatIsBeyondTheLastCodePoint) {
  for (const char* bad :
       {"\xed\xa0\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xe2\x82"})
    EXPECT_FALSE(is_valid_utf8(bad));
  EXPECT_TRUE(is_valid_utf8("a€😀"));
}

}  // namespace
}  // namespace winnow
