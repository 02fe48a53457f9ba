#include "tasks/shared/answer_filters.h"

#include <sstream>

#include "harness/api/task.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow::test {
namespace {

struct Expected {
  std::string reply, strict, flexible, normalised;
};

TEST(AnswerFilters, FindTheNumbersOfTheNote) {
  const std::vector<Expected> table = {
      {" He pays 5*3=15 dollars.\n#### 15", "15", "15", "15"},
      {" 2+2=<<2+2=4>>4\n#### 4\n\nSo 5", "4", "5", "5"},
      {" #### $1,200.50", "[invalid]", "$1,200.50", "1200.50"},
      {" #### -7", "-7", "-7", "-7"},
      {"The total is $1,234.", "[invalid]", "$1,234.", "1234"},
      {"She has 3. Then 4...", "[invalid]", "4...", "4.."},
      {" The answer is $29.00.", "[invalid]", "$29.00.", "29.00"},
      {" #### 12.\n#### 13", "12.", "13", "13"},
      {"= 1/2", "[invalid]", "2", "2"},
      {"####5", "[invalid]", "5", "5"},
      {" #### ,", ",", "[invalid]", "[invalid]"},
      {" (a) 5, 6, 7,", "[invalid]", "7,", "7"},
      {"", "[invalid]", "[invalid]", "[invalid]"},
      {"##### 5", "5", "5", "5"},
      {"#### -", "[invalid]", "[invalid]", "[invalid]"},
      {"-5 --6", "[invalid]", "-6", "-6"},
      {"-$,", "[invalid]", "-$,", "-"},
  };
  for (const Expected& row : table) {
    EXPECT_EQ(extract_after_hashes(row.reply), row.strict) << row.reply;
    EXPECT_EQ(extract_last_number(row.reply), row.flexible) << row.reply;
    EXPECT_EQ(normalised_number(extract_last_number(row.reply)), row.normalised) << row.reply;
  }
}

TEST(AnswerFilters, TheDotAfterTheAnswerTakesOneCharacter) {
  EXPECT_EQ(extract_after_the_answer_is(" The answer is 18."), "18");
  EXPECT_EQ(extract_after_the_answer_is(" The answer is 18.\n"), "18");
  EXPECT_EQ(extract_after_the_answer_is(" The answer is 18. "), "18.");
  EXPECT_EQ(extract_after_the_answer_is("The answer is 1,000"), "1,00");
  EXPECT_EQ(extract_after_the_answer_is("The answer is 1,000\n"), "1,00");
  EXPECT_EQ(extract_after_the_answer_is("The answer is 1,000 "), "1,000");
  EXPECT_EQ(extract_after_the_answer_is("The answer is 5"), "[invalid]");
  EXPECT_EQ(extract_after_the_answer_is("The answer is -5"), "[invalid]");
  EXPECT_EQ(extract_after_the_answer_is("The answer is 5 The answer is 7!"), "5");
  EXPECT_EQ(extract_after_the_answer_is("The answer is 5\nThe answer is 77"), "7");
}

TEST(AnswerFilters, CutAtStopStringsInTheirOrder) {
  const Json functions = read_json_file(fixture("lm_eval/functions.json"));
  ASSERT_EQ(functions.at("stop_strings").size(), 90u);
  for (const Json& row : functions.at("stop_strings")) {
    EXPECT_EQ(cut_at_stop_strings(row.at(2).get_ref<const std::string&>(), row.at(1)), row.at(3)) << row.dump();
  }
}

TEST(AnswerFilters, NormaliseAsLmEvalsExactMatch) {
  const Json functions = read_json_file(fixture("lm_eval/functions.json"));
  ASSERT_EQ(functions.at("exact_match_normalised_equal").size(), 288u);
  for (const Json& row : functions.at("exact_match_normalised_equal")) {
    const bool equal = normalised_number(row.at(0).get_ref<const std::string&>()) == normalised_number(row.at(1).get_ref<const std::string&>());
    EXPECT_EQ(equal ? 1.0 : 0.0, row.at(2)) << row.dump();
  }
}

// All recorded replies through the tasks themselves.
TEST(AnswerFilters, GradeEveryRecordedReplyAsLmEvalDoes) {
  std::istringstream lines(read_text(fixture("lm_eval/filters.jsonl")));
  int rows = 0;
  for (std::string line; std::getline(lines, line); ++rows) {
    const Json row = Json::parse(line);
    for (const char* name : {"gsm8k", "gsm8k_cot"}) {
      SCOPED_TRACE(fmt::format("row {} {}: {}", rows, name, row.at("raw").dump()));
      const auto task = Registry<Task>::instance().make(name);
      Example example;
      example.record.target = row.at(std::string_view(name) == "gsm8k" ? "target" : "target_cot");
      Response response;
      response.text = row.at("raw");
      const std::vector<Answer> answers = task->grade(example, std::vector<Response>{response});
      ASSERT_EQ(answers.size(), 2u);
      EXPECT_EQ(answers[0].reply, row[name].at("strict"));
      EXPECT_EQ(answers[1].reply, row[name].at("flex"));
      EXPECT_EQ(answers[0].values.at("exact_match"), row[name].at("em_strict"));
      EXPECT_EQ(answers[1].values.at("exact_match"), row[name].at("em_flex"));
    }
  }
  EXPECT_EQ(rows, 882);
}

}  // namespace
}  // namespace winnow::test
