#include "results/item_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/results/sample_trials.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using test::make_answer;
using test::make_cell;
using test::make_choice_answer;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ShowTest : public testing::Test {
 protected:
  ShowTest() {
    Store store = Store::open(folder_ / "a.sqlite");
    RecordedAnswer pruned = make_answer(3);
    pruned.raw_reply = "It is four.\x1b[31m\n#### 4";
    pruned.answers[0].values["exact_match"] = 0;
    add(store, "random", "gsm8k", {pruned});
    add(store, "dense", "gsm8k", {make_answer(3), make_answer(5)});
    add(store, "dense", "mmlu", {make_choice_answer(2, "mmlu_anatomy")});
    RecordedAnswer other = make_choice_answer(2, "mmlu_anatomy");
    other.log_likelihoods = {-0.25, -0.5, -3, -4};
    add(store, "random", "mmlu", {other});
    stores_.push_back(Store::open_read_only(folder_ / "a.sqlite"));
  }
  static void add(Store& store, const std::string& variant, const std::string& task, const std::vector<RecordedAnswer>& answers) {
    const auto open = store.begin(make_cell("tiny", variant, task), {});
    store.append(open.id, answers, {});
    store.finish(open.id, {});
  }
  std::string text(const std::string& item, const std::vector<std::string>& of = {}) { return item_text(find_item(stores_, parse_item(item), of), 60); }
  test::TemporaryFolder folder_;
  std::vector<Store> stores_;
};

TEST_F(ShowTest, RepliesSideBySideDenseFirst) {
  const std::string shown = text("gsm8k/3");
  EXPECT_THAT(shown, HasSubstr("── prompt\nQuestion: What is 3?\nAnswer:\n"));
  EXPECT_THAT(shown, HasSubstr("── tiny · dense   against   tiny · random\n"));
  EXPECT_THAT(shown, HasSubstr("It is 3.                     ≠ It is four.\\x1b[31m\n#### 3                       ≠ #### 4\n"));
  EXPECT_THAT(shown, HasSubstr("They first differ at character 6: \"It is 3.\\n#### 3\" against \"It is four.\\x1b[31m\\n#### 4\"."));
  EXPECT_THAT(shown, HasSubstr("tiny · random: strict-match: \"3\" exact_match 0; flexible-extract: \"3.\" exact_match 1\n"));
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
}

TEST_F(ShowTest, LogLikelihoodsOfEachChoice) {
  const std::string shown = text("mmlu_anatomy/2");
  EXPECT_THAT(shown, HasSubstr("         dense         random     change  choice"));
  EXPECT_THAT(shown, HasSubstr("      -1.5000        -0.2500<    +1.2500    A\n"));
  EXPECT_THAT(shown, HasSubstr("      -0.2000        -0.5000     -0.3000 *  B\n"));
  EXPECT_THAT(shown, HasSubstr("     -0.0000<       -3.0000     -3.0000    C\n"));
}

TEST_F(ShowTest, NamesExamplesByTaskOrHash) {
  const std::string hash = make_answer(5).example.doc_hash;
  EXPECT_THAT(text(hash.substr(0, 10)), HasSubstr("gsm8k document 5, hash " + hash.substr(0, 16)));
  EXPECT_EQ(parse_item("gsm8k:17").doc_id, 17);
  EXPECT_EQ(parse_item("a/b#3").leaf, "a/b");
  EXPECT_ERROR(parse_item("gsm8k"), kUsage, "'gsm8k' names no example; expected TASK/DOCUMENT such as gsm8k/17, or 4 or more digits of a document's hash");
  EXPECT_ERROR(text("gsm8l/3"), kUsage, "no answers are of a task 'gsm8l' (did you mean 'gsm8k'?); there are: gsm8k, mmlu_anatomy, mmlu");
  EXPECT_ERROR(text("gsm8k/9"), kUsage, "no good trial answered gsm8k document 9");
  EXPECT_ERROR(text("gsm8k/5", {"random"}), kUsage, "no good trial of random answered gsm8k document 5");
  EXPECT_ERROR_HAS(text("0000000000"), kUsage, "no document's hash begins with '0000000000'");
}

TEST_F(ShowTest, DocumentsOfTwoDataSetsAreNotMixed) {
  RecordedAnswer demo = make_answer(3);
  demo.example.doc_hash = "feed" + std::string(60, '0');
  demo.raw_reply = "Of the demo.";
  stores_.clear();
  {
    Store store = Store::open(folder_ / "a.sqlite");
    Cell cell = make_cell("tiny", "dense", "gsm8k");
    cell.key = "other";
    cell.task_label = "demo_gsm8k";
    const auto open = store.begin(cell, {});
    store.append(open.id, std::vector{demo}, {});
    store.finish(open.id, {});
  }
  stores_.push_back(Store::open_read_only(folder_ / "a.sqlite"));
  EXPECT_THAT(text("demo_gsm8k/3"), AllOf(HasSubstr("Of the demo."), Not(HasSubstr("It is 3."))));
  EXPECT_THAT(text("gsm8k/3"), AllOf(HasSubstr("It is 3."), Not(HasSubstr("Of the demo."))));
  EXPECT_THAT(text("feed00"), AllOf(HasSubstr("Of the demo."), Not(HasSubstr("It is 3."))));
}

TEST_F(ShowTest, ANameOfSeveralDocumentsIsRefused) {
  stores_.clear();
  {
    Store store = Store::open(folder_ / "a.sqlite");
    for (const std::string label : {"first", "second"}) {
      RecordedAnswer answer = make_answer(8);
      answer.example.doc_hash = label + std::string(58, '0');
      Cell cell = make_cell("tiny", "dense", "gsm8k");
      cell.key = cell.task_label = label;
      const auto open = store.begin(cell, {});
      store.append(open.id, std::vector{answer}, {});
      store.finish(open.id, {});
    }
  }
  stores_.push_back(Store::open_read_only(folder_ / "a.sqlite"));
  EXPECT_ERROR(text("gsm8k/8"), kUsage,
               "gsm8k/8 is another document in each of several data sets; name it by the beginning of its hash: first0000000 in first, second000000 in second");
}

TEST_F(ShowTest, JsonKeepsEveryByteThatJsonCan) {
  const Json shown = parse_json(item_json(find_item(stores_, parse_item("gsm8k/3"), {})), "show");
  EXPECT_EQ(shown["answers"][1]["reply"], "It is four.\x1b[31m\n#### 4");
  EXPECT_EQ(shown["answers"][1]["first_difference"], 6);
  EXPECT_EQ(shown["answers"][0]["first_difference"], nullptr);
}

TEST(FirstDifference, CountsCodePoints) {
  EXPECT_EQ(first_difference("", ""), std::nullopt);
  EXPECT_EQ(first_difference("äö1", "äö2"), 2u);
  EXPECT_EQ(first_difference("ab", "abc"), 2u);
  EXPECT_EQ(first_difference("\xff", "\xfe"), 0u);
}

}  // namespace
}  // namespace winnow
