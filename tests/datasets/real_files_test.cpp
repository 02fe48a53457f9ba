// Row counts of the real files, as their publishers give them.
#include "harness/core/digest.h"
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
  std::size_t rows(const std::string& dataset, const std::string& split, const std::string& subset = "") {
    return source_->read({dataset, split, subset}).rows.size();
  }
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

// lm-evaluation-harness hashed every document of these sets; its task adds three keys to HellaSwag's, so that set's are checked there.
TEST_F(RealFiles, OfTheZeroShotSetsAreLmEvalsDocuments) {
  const std::map<std::string, std::pair<std::string, std::string>> recorded = {
      {"arc_easy", {"test", "4da7b82cfb8751788b3a9efc88f8a72d54bbabba17b6a507be28c1edfc4b8902"}},
      {"arc_challenge", {"test", "98f29f63de99c626630f80622ae0e81512e22bd9a4aa98ad9762fb1acc155fd7"}},
      {"boolq", {"val", "ac6b9366ebe6b87f62b385e24ad792c2399abbcb10e3e3867c1ba433585429d2"}},
      {"openbookqa", {"test", "5158c29eb63e8d0a62a52be8cf21236f874f6023301175d0da41ce52b4eab1db"}},
      {"rte", {"val", "c1a7586f2f29464465a6ba477c0c74dbdc6451d662897cae62c669e4216f352b"}},
      {"winogrande", {"dev", "ab4fd564b6e03837cd1f0b7c558d1e3211dbf529d5dc8130db09dd9bebc19f96"}},
      {"piqa", {"valid", "1dbc943d19081dffd87d64c07228675884f1d800fb6138dcb98b5f4345e7446c"}},
  };
  for (const auto& [dataset, split_and_hash] : recorded) {
    std::string hashes;
    for (const OrderedJson& row : source_->read({dataset, split_and_hash.first}).rows) hashes += sha256_hex(row.dump(2));
    EXPECT_EQ(sha256_hex(hashes), split_and_hash.second) << dataset;
  }
  EXPECT_EQ(rows("hellaswag", "val"), 10042u);
}

TEST_F(RealFiles, NameTheirEdition) {
  EXPECT_EQ(source_->read({"gsm8k", "train"}).edition, "reduced-7273");
  EXPECT_EQ(source_->read({"gsm8k", "test"}).edition, "upstream");
  EXPECT_EQ(source_->read({"mmlu", "val", "anatomy"}).edition, "reduced-1379");
}

}  // namespace
}  // namespace winnow::test
