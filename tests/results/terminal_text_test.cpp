#include "results/terminal_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/core/display_width.h"
#include "harness/core/error.h"
#include "results/text_formats.h"
#include "results/text_table.h"

namespace winnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const char* const kTable =
    "| model | variant | gsm8k ↑ | peak memory |\n"
    "| --- | --- | ---: | ---: |\n"
    "| tiny | dense | 0.5000 ± 0.0801 \\[1\\] | 22.3 MiB |\n"
    "| tiny | random\\|6 | 10.2500 ± 0.0693 | 4.00 GiB |\n"
    "| tiny | broken | failed \\[2\\] | – |\n";

TEST(TerminalText, AlignsTheWordsOfNumbersAndSaysSharedNamesOnce) {
  EXPECT_EQ(terminal_text(kTable, 80),
            "model: tiny\n"
            "                                      peak\n"
            "variant                  gsm8k ↑    memory\n"
            "────────  ──────────────────────  ────────\n"
            "dense      0.5000   ± 0.0801 [1]  22.3 MiB\n"
            "random|6  10.2500   ± 0.0693      4.00 GiB\n"
            "broken    failed  [2]                    –\n");
}

TEST(TerminalText, CutsATableIntoBlocksThatFit) {
  EXPECT_EQ(terminal_text(kTable, 36),
            "model: tiny\n"
            "variant                  gsm8k ↑\n"
            "────────  ──────────────────────\n"
            "dense      0.5000   ± 0.0801 [1]\n"
            "random|6  10.2500   ± 0.0693\n"
            "broken    failed  [2]\n"
            "\n"
            "              peak\n"
            "variant     memory\n"
            "────────  ────────\n"
            "dense     22.3 MiB\n"
            "random|6  4.00 GiB\n"
            "broken           –\n");
}

TEST(TerminalText, NoLineIsWiderThanTheTerminalWhereItCanBeHelped) {
  std::string table = "| verdict | rule | value |\n| --- | --- | ---: |\n";
  for (const char* rule : {"retention of a task with a long name >= 0.95 vs dense", "another rule of many words that says nothing new at all"})
    table += fmt::format("| pass | {} | 0.8714 |\n", rule);
  for (const std::size_t columns : {36u, 60u, 200u}) {
    const std::string text = terminal_text(table + "\n- a note that is long enough to be broken between its words, twice or more often\n", columns);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      EXPECT_LE(display_width(text.substr(at, end - at)), columns) << text;
      at = end + 1;
    }
    EXPECT_THAT(text, HasSubstr("often"));
    EXPECT_THAT(text, HasSubstr("0.8714"));
  }
}

TEST(TerminalText, TakesBackWhatMarkdownEscapes) {
  const std::string name = "a|b [c] *d* <e> & @f `g` #h $i ~j _k_ \\";
  EXPECT_EQ(terminal_text("## " + markdown_text(name) + "\n", 80), name + "\n");
  EXPECT_EQ(terminal_text("**" + markdown_text("speed") + "**\n", 80), "speed\n");
}

TEST(TerminalText, HangsPointsUnderTheirText) {
  EXPECT_EQ(terminal_text("12. one two three\n- four five\n\nsix\n", 9), "12. one\n    two\n    three\n- four\n  five\n\nsix\n");
}

TEST(TextTable, ABlankHoldsTheWordsOfOtherRows) {
  const TextTable table{.columns = {{"v"}, {"score", true}}, .rows = {{"a", "0.5 ~ +0.1"}, {"b", "0.5 \u00a0 -0.1"}}};
  EXPECT_EQ(laid_out(table, 80, SharedNames::kAbove), "v       score\n─  ──────────\na  0.5 ~ +0.1\nb  0.5   -0.1\n");
}

TEST(TextTable, PutsUnitsBesideTheirNumbers) {
  const TextTable table{.columns = {{"v"}, {"size", true}}, .rows = {{"a", "4.2 MiB"}, {"b", "19.77 GiB/s"}, {"c", "96"}}};
  EXPECT_EQ(laid_out(table, 80, SharedNames::kAbove), "v         size\n─  ───────────\na    4.2 MiB\nb  19.77 GiB/s\nc     96\n");
}

TEST(TextTable, KeepsNamesInTheirRowsWhereAsked) {
  const TextTable table{.columns = {{"model"}, {"task"}}, .rows = {{"m", "t"}, {"m", "u"}}};
  EXPECT_EQ(laid_out(table, kAnyWidth, SharedNames::kInRows), "model  task\n─────  ────\nm      t\nm      u\n");
  EXPECT_EQ(laid_out(table, kAnyWidth, SharedNames::kAbove), "model: m\ntask\n────\nt\nu\n");
}

TEST(TextTable, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width("–é"), 2u);
  EXPECT_EQ(display_width("模型"), 4u);
  EXPECT_EQ(display_width("e\u0301"), 1u);
  EXPECT_THAT(broken_lines("模型 b", 4), ElementsAre("模型", "b"));
}

TEST(TextTable, OfNothingIsItsHeading) {
  EXPECT_EQ(laid_out({.columns = {{"model"}, {"score", true}}, .rows = {}}, 80, SharedNames::kAbove), "model  score\n─────  ─────\n");
  EXPECT_EQ(terminal_text("", 80), "");
}

}  // namespace
}  // namespace winnow
