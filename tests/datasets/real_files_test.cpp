// Row counts of the real files, as their publishers give them.
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow::test {
namespace {

class RealFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto folder = real_data_folder();
    if (!folder) GTEST_SKIP() << kNoRealData;
    source_ = folder_source(*folder);
  }
  std::size_t rows(const std::string& dataset, const std::string& split, const std::string& subset = "") { return source_->read({dataset, split, subset}).rows.size(); }
  std::unique_ptr<DatasetSource> source_;
};

TEST_F(RealFiles, HaveTheirRows) {
  EXPECT_EQ(rows("gsm8k", "test"), 1319u);
  EXPECT_EQ(rows("gsm8k", "train"), 7273u);
  EXPECT_EQ(rows("math", "train"), 7500u);
  EXPECT_EQ(rows("math", "test"), 500u);
  EXPECT_EQ(rows("c4", "train"), 1000u);
  EXPECT_EQ(rows("c4", "demo"), 300u);
  EXPECT_EQ(rows("wikitext2", "test"), 4358u);
  EXPECT_EQ(rows("wikitext2", "valid"), 3760u);
  EXPECT_EQ(rows("wikitext2", "train"), 2119u);
}

TEST_F(RealFiles, OfMmluHaveAllQuestions) {
  std::map<std::string, std::size_t> total;
  for (const std::string& subject : Registry<Dataset>::instance().make("mmlu")->subsets()) {
    for (const char* split : {"dev", "val", "test"}) total[split] += rows("mmlu", split, subject);
  }
  EXPECT_EQ(total["dev"], 285u);
  EXPECT_EQ(total["val"], 1379u);
  EXPECT_EQ(total["test"], 14042u);
  EXPECT_EQ(rows("mmlu", "test", "professional_law"), 1534u);
}

TEST_F(RealFiles, NameTheirEdition) {
  EXPECT_EQ(source_->read({"gsm8k", "train"}).edition, "reduced-7273");
  EXPECT_EQ(source_->read({"gsm8k", "test"}).edition, "upstream");
  EXPECT_EQ(source_->read({"mmlu", "val", "anatomy"}).edition, "reduced-1379");
}

}  // namespace
}  // namespace winnow::test
