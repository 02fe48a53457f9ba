#include "harness/core/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "harness/core/digest.h"
#include "harness/core/json.h"
#include "harness/core/unicode.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

TEST(Regex, GivesGroupsOfTheFirstMatch) {
  const Regex answer(R"(#### (\-?[0-9\.\,]+))");
  const auto match = answer.search("so it is\n#### -1,234 apples #### 5");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->group(0), "#### -1,234");
  EXPECT_EQ(match->group(1), "-1,234");
  EXPECT_EQ(match->begin, 9u);
  EXPECT_FALSE(answer.search("no number"));
}

TEST(Regex, LeavesAGroupEmptyThatTookNoPart) {
  const auto match = Regex("(a)|(b)|(c)").search("b");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->groups.size(), 4u);
  EXPECT_THAT(match->groups, ElementsAre(Optional(std::string_view("b")), std::nullopt, Optional(std::string_view("b")), std::nullopt));
  EXPECT_EQ(match->group(1), "");
}

TEST(Regex, FindsAndReplacesWhatPythonDoes) {
  const Json cases = parse_json(test::read_text(test::fixture("core/python_re.json")), "python_re.json");
  ASSERT_GT(cases.size(), 600u);
  for (const Json& recorded : cases) {
    const std::string pattern = recorded["pattern"], text = recorded["text"];
    SCOPED_TRACE(fmt::format("pattern {} on {}", pattern, recorded["text"].dump()));
    const Regex regex(pattern);
    Json found = Json::array();
    regex.for_each(text, [&](const RegexMatch& match) {
      Json groups = Json::array();
      for (std::size_t i = 1; i < match.groups.size(); ++i) groups.push_back(match.groups[i] ? Json(*match.groups[i]) : Json());
      found.push_back({match.begin, match.end, groups});
    });
    EXPECT_EQ(found, recorded["found"]);
    for (const Json& sub : recorded["sub"]) EXPECT_EQ(regex.replace_all(text, sub[0].get<std::string>()), sub[1].get<std::string>()) << sub[0];
  }
}

TEST(Regex, ReadsCharacterClassesAsPythonDoesForEveryCodePoint) {
  const Regex classes[] = {Regex(R"(\A\s)"), Regex(R"(\A\S)"), Regex(R"(\A\w)"), Regex(R"(\A\d)"), Regex(R"(\A.)")};
  const Json recorded = parse_json(test::read_text(test::fixture("core/python_unicode.json")), "python_unicode.json");
  std::string lines;
  for (const Json& range : recorded["assigned"]) {
    for (char32_t c = range[0].get<std::uint32_t>(); c <= range[1].get<std::uint32_t>(); ++c) {
      std::string text;
      append_utf8(text, c);
      if (!lines.empty()) lines += '\n';
      for (const Regex& regex : classes) lines += regex.search(text) ? '1' : '0';
    }
  }
  EXPECT_EQ(sha256_hex(lines), recorded["regex_classes_all"].get<std::string>());
}

TEST(Regex, TakesRepliesOfTenMegabytes) {
  const std::string digits(10'000'000, '7');
  EXPECT_EQ(Regex("(-?[$0-9.,]{2,})|(-?[0-9]+)").search(digits)->end, digits.size());
  std::string words;
  while (words.size() < 10'000'000) words += "12 ab ";
  std::size_t numbers = 0;
  Regex("[0-9]+").for_each(words, [&](const RegexMatch&) { ++numbers; });
  EXPECT_EQ(numbers, words.size() / 6);
  EXPECT_EQ(Regex("(?s).*?X").search(digits + "X")->end, digits.size() + 1);
}

TEST(Regex, GivesUpWithASentenceInsteadOfRunningForEver) {
  EXPECT_ERROR(Regex("(a+)+$").search(std::string(99, 'a') + "b"), kInput, "searching a text of 100 bytes for '(a+)+$' was given up: match limit exceeded");
  EXPECT_ERROR_HAS(Regex("(?:(a)|(b))*c").search(std::string(10'000'000, 'a')), kInput, "was given up: ");
}

TEST(Regex, RefusesPatternsTextsAndReplacementsThatAreBroken) {
  EXPECT_ERROR_HAS(Regex("(a"), kInput, "the pattern '(a' is no regular expression: missing closing parenthesis (near its character 2)");
  EXPECT_ERROR(Regex("a").search("\xff"), kInput, "a text that is not UTF-8 cannot be searched for 'a'");
  for (const char* bad : {R"(\2)", R"(\q)", "\\", R"(\g<x>)", R"(\g<1)", R"(\0)"})
    EXPECT_ERROR_HAS(Regex("(a)").replace_all("a", bad), kInput, "has an escape that is not known") << bad;
}

TEST(Regex, CallsAFunctionForEachReplacement) {
  EXPECT_EQ(Regex("[0-9]").replace_all("a1b2", [](const RegexMatch& match) { return std::string(match.group(0)) + "!"; }), "a1!b2!");
}

}  // namespace
}  // namespace winnow
