// Data files that look odd and are right.
#include "harness/api/dataset.h"
#include "harness/core/registry.h"
#include "tests/support/errors.h"

namespace winnow::test {
namespace {

OrderedJson rows_of(const std::string& dataset, const std::string& split, const std::string& subset, const std::string& bytes) {
  return Registry<Dataset>::instance().make(dataset)->rows(split, subset, {bytes});
}

OrderedJson question(const std::string& question, const std::string& answer) { return OrderedJson{{"question", question}, {"answer", answer}}; }

OrderedJson choices(const std::string& question, const std::vector<std::string>& choices, int answer) {
  return OrderedJson{{"question", question}, {"subject", "anatomy"}, {"choices", choices}, {"answer", answer}};
}

OrderedJson line(const std::string& text, const std::string& line) { return OrderedJson{{"text", text}, {"line", line}}; }

struct Odd {
  std::string name, bytes;
  std::vector<OrderedJson> rows;
};

void expect_read(const std::string& dataset, const std::string& subset, const std::vector<Odd>& files) {
  for (const Odd& file : files) {
    SCOPED_TRACE(file.name);
    OrderedJson rows;
    ASSERT_NO_THROW(rows = rows_of(dataset, "test", subset, file.bytes));
    EXPECT_EQ(rows.dump(), OrderedJson(file.rows).dump());
  }
}

TEST(OddFiles, OfJsonLinesAreRead) {
  const OrderedJson row = question("How many?", "One.\n#### 1");
  const std::string text = row.dump();
  const std::string separators = "a\u2028b\u0085c";
  expect_read("gsm8k", "",
              {{"NoLineBreakAtTheEnd", text, {row}},
               {"CarriageReturns", text + "\r\n" + text + "\r\n", {row, row}},
               {"ByteOrderMark", "\xEF\xBB\xBF" + text + "\n", {row}},
               {"BlankLinesBetween", "\n\n" + text + "\n \t \n" + text + "\n", {row, row}},
               {"SpacesAround", "  " + text + "  \n", {row}},
               {"OtherKeyOrder", "{\"answer\": \"One.\\n#### 1\", \"question\": \"How many?\"}\n", {row}},
               {"MoreKeys", "{\"id\": 7, \"question\": \"How many?\", \"answer\": \"One.\\n#### 1\", \"split\": null}\n", {row}},
               {"Escapes", "{\"question\": \"\\u0048ow many?\", \"answer\": \"One.\\u000a#### 1\"}\n", {row}},
               {"SurrogatePair", "{\"question\": \"\\ud83e\\udd86?\", \"answer\": \"#### 1\"}\n", {question("\U0001F986?", "#### 1")}},
               {"LineSeparatorsInText", question(separators, "#### 1").dump() + "\n", {question(separators, "#### 1")}},
               {"HashesTwice", question("q", "#### 1\n#### 2").dump(), {question("q", "#### 1\n#### 2")}},
               {"NegativeGoldWithComma", question("q", "#### -1,000").dump(), {question("q", "#### -1,000")}}});
}

TEST(OddFiles, OfCsvAreRead) {
  const std::vector<std::string> four = {"1", "2", "3", "4"};
  expect_read("mmlu", "anatomy",
              {{"NoLineBreakAtTheEnd", "q,1,2,3,4,D", {choices("q", four, 3)}},
               {"CarriageReturns", "q,1,2,3,4,B\r\nr,1,2,3,4,A\r\n", {choices("q", four, 1), choices("r", four, 0)}},
               {"MixedLineEnds", "q,1,2,3,4,B\r\nr,1,2,3,4,A\n", {choices("q", four, 1), choices("r", four, 0)}},
               {"ByteOrderMark", "\xEF\xBB\xBF\"q\",1,2,3,4,B\n", {choices("q", four, 1)}},
               {"BlankLines", "\r\nq,1,2,3,4,B\n\n", {choices("q", four, 1)}},
               {"EverythingInQuotes", "\"q\",\"1\",\"2\",\"3\",\"4\",\"C\"\n", {choices("q", four, 2)}},
               {"LineBreaksInQuotes", "\"a\nb\r\nc\",1,2,3,4,A\n", {choices("a\nb\r\nc", four, 0)}},
               {"DoubledQuotes", "\"say \"\"yes\"\", or\",\"\"\"\",2,3,4,A\n", {choices("say \"yes\", or", {"\"", "2", "3", "4"}, 0)}},
               {"QuoteInsideAPlainField", "a 5\" pipe,1,2,3,4,A\n", {choices("a 5\" pipe", four, 0)}},
               {"EmptyChoices", "q,,\"\",3,4,A\n", {choices("q", {"", "", "3", "4"}, 0)}},
               {"SpacesKept", " q ,1 , 2,3,4,A\n", {choices(" q ", {"1 ", " 2", "3", "4"}, 0)}},
               {"CarriageReturnInsideAField", "a\rb,1,2,3,4,A\n", {choices("a\rb", four, 0)}}});
}

TEST(OddFiles, OfWikitextAreRead) {
  expect_read("wikitext2", "",
              {{"BlankRow", " \n = A = \n", {line("", " \n"), line(" = A = \n", " = A = \n")}},
               {"CarriageReturns", " = A = \r\n text", {line(" = A = \n", " = A = \n"), line(" text", " text")}},
               {"ByteOrderMark", "\xEF\xBB\xBF text\n", {line(" text\n", " text\n")}},
               {"NoBreakSpaceRow", "\u00a0\ntext\n", {line("", "\u00a0\n"), line("text\n", "text\n")}}});
}

TEST(OddFiles, OfMathAndC4AreRead) {
  EXPECT_EQ(rows_of("c4", "train", "", "{\"text\": \"\"}\n").dump(), "[{\"text\":\"\"}]");
  EXPECT_EQ(rows_of("math", "test", "", "{\"problem\": \"p\", \"level\": 5, \"subject\": \"Algebra\", \"solution\": \"s\", \"answer\": \"\"}").dump(),
            "[{\"problem\":\"p\",\"level\":\"Level 5\",\"type\":\"Algebra\",\"solution\":\"s\",\"answer\":\"\"}]");
}

}  // namespace
}  // namespace winnow::test
