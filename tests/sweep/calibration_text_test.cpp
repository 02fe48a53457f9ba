#include "harness/sweep/calibration_text.h"

#include "harness/sweep/data_folder.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

class CalibrationTexts : public testing::Test {
 protected:
  std::vector<std::string> texts(const CalibrationSpec& calibration) { return calibration_texts(calibration, *data_); }
  std::unique_ptr<DatasetSource> data_ = open_data_folder(test::fixture("sample_data"), UnverifiedData::kMarked);
};

TEST_F(CalibrationTexts, JoinQuestionAndAnswerOfGsm8k) {
  const auto& row = data_->read({"gsm8k", "train"}).rows.at(0);
  EXPECT_EQ(texts({.dataset = "gsm8k"}).at(0), row["question"].get<std::string>() + " " + row["answer"].get<std::string>());
  EXPECT_EQ(texts({.dataset = "gsm8k", .fields = {"question"}}).at(0), row["question"].get<std::string>());
}

TEST_F(CalibrationTexts, ComeFromAFileOfOnesOwnByField) {
  const test::TemporaryFolder folder;
  const auto file = folder.write("own.jsonl", "{\"a\": \"one\", \"b\": \"two\"}\n\n{\"a\": \"three\", \"b\": \"four\"}\n");
  EXPECT_EQ(texts({.file = file.string(), .fields = {"b", "a"}}), (std::vector<std::string>{"two one", "four three"}));
  EXPECT_ERROR_HAS(texts({.file = file.string(), .fields = {"c"}}), kInput, "own.jsonl:1: the row has no text field \"c\"");
}

TEST_F(CalibrationTexts, NameASplitThatIsNotThere) {
  EXPECT_ERROR_HAS(texts({.dataset = "gsm8k", .split = "trian"}), kInput, "data set gsm8k has no split 'trian'; it has: test, train");
}

TEST_F(CalibrationTexts, HaveADigestOfWhatDecidesThem) {
  const CalibrationSpec calibration{.dataset = "gsm8k"};
  CalibrationSpec other = calibration;
  EXPECT_EQ(calibration_sha256(calibration, *data_), calibration_sha256(other, *data_));
  other.seed = 7;
  EXPECT_NE(calibration_sha256(calibration, *data_), calibration_sha256(other, *data_));
}

}  // namespace
}  // namespace winnow
