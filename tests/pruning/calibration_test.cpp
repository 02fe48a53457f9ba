#include "harness/pruning/calibration.h"

#include <set>

#include "harness/core/json.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

constexpr int kStride = 1'000'000;  // document d has the ids d·kStride, d·kStride + 1, …

class Loaders : public testing::Test {
 protected:
  static CalibrationDocuments documents(std::vector<std::size_t> lengths) {
    return {.count = lengths.size(), .encode = [lengths = std::move(lengths)](std::size_t document) {
              std::vector<std::int32_t> ids(lengths.at(document));
              for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(document) * kStride + static_cast<std::int32_t>(i);
              return ids;
            }};
  }

  CalibrationDocuments recorded(const Json& test_case) const {
    const std::string tokenizer = test_case.at("tokenizer");
    auto lengths = golden_.at("lengths").at("c4_en_train_first1000").at(tokenizer).get<std::vector<std::size_t>>();
    const auto more = golden_.at("lengths").at("c4_en_demo300").at(tokenizer).get<std::vector<std::size_t>>();
    lengths.insert(lengths.end(), more.begin(), more.end());
    lengths.resize(test_case.at("documents").get<std::size_t>());
    return documents(std::move(lengths));
  }

  void expect_draws(const char* name, CalibrationTokens (*load)(const CalibrationDocuments&, std::size_t, std::size_t, std::uint64_t)) const {
    for (const Json& test_case : golden_.at(name)) {
      const CalibrationTokens tokens = load(recorded(test_case), test_case.at("nsamples"), test_case.at("seqlen"), test_case.at("seed"));
      ASSERT_EQ(tokens.sequences.size(), test_case.at("draws").size());
      for (std::size_t i = 0; i < tokens.sequences.size(); ++i) {
        const Json& draw = test_case.at("draws")[i];
        EXPECT_EQ(tokens.sequences[i].size(), test_case.at("seqlen"));
        EXPECT_EQ(tokens.sequences[i].front(), draw.at("document").get<int>() * kStride + draw.at("start").get<int>());
      }
    }
  }

  const Json golden_ = read_json_file(test::fixture("loaders/loaders.json"));
};

TEST_F(Loaders, PackBlocksAsLuAndStunDo) {
  for (const Json& test_case : golden_.at("packed")) {
    const std::size_t length = test_case.at("block"), asked = test_case.at("nsamples");
    const CalibrationDocuments source = recorded(test_case);
    const CalibrationTokens tokens = packed_blocks(source, asked, length, test_case.at("seed"));
    ASSERT_EQ(tokens.sequences.size(), asked > 0 ? asked : test_case.at("blocks_before_select").get<std::size_t>());
    std::vector<std::int32_t> expected, found;
    for (const std::size_t document : test_case.at("first_documents").get<std::vector<std::size_t>>()) {
      const std::vector<std::int32_t> ids = source.encode(document);
      expected.insert(expected.end(), ids.begin(), ids.end());
    }
    for (const auto& block : tokens.sequences) found.insert(found.end(), block.begin(), block.end());
    const std::size_t both = std::min(expected.size(), found.size());
    EXPECT_TRUE(std::equal(expected.begin(), expected.begin() + both, found.begin())) << test_case.dump().substr(0, 200);
  }
}

TEST_F(Loaders, KeepAGroupThatFillsNoBlockAsAShortOne) {
  const Json& test_case = golden_.at("packed").back();
  const CalibrationTokens tokens = packed_blocks(recorded(test_case), 0, 2048, 42);
  EXPECT_EQ(tokens.sequences.back().size(), 211u);
  EXPECT_EQ(tokens.sequences[tokens.sequences.size() - 2].size(), 2048u);
}

TEST_F(Loaders, DrawRandomWindowsAsWandaAndSparseGptDo) { expect_draws("random_windows", random_windows); }
TEST_F(Loaders, DrawFromLongDocumentsOnlyAsStunDoes) { expect_draws("random_windows_prefiltered", random_windows_prefiltered); }

TEST_F(Loaders, DrawWindowsOfOneText) {
  for (const Json& test_case : golden_.at("wikitext2_train_windows")) {
    const auto stream = documents({test_case.at("stream_tokens").get<std::size_t>()}).encode(0);
    const CalibrationTokens tokens = stream_windows(stream, test_case.at("nsamples"), test_case.at("seqlen"), test_case.at("seed"));
    for (std::size_t i = 0; i < tokens.sequences.size(); ++i) EXPECT_EQ(tokens.sequences[i].front(), test_case.at("starts")[i].get<std::int32_t>());
  }
}

TEST_F(Loaders, CutWholeItemsToTheLengthAsked) {
  const CalibrationTokens tokens = whole_items(documents({3, 9, 5}), 3, 6, 42);
  std::multiset<std::size_t> lengths;
  for (const auto& sequence : tokens.sequences) {
    lengths.insert(sequence.size());
    EXPECT_EQ(sequence.front() % kStride, 0);
  }
  EXPECT_EQ(lengths, (std::multiset<std::size_t>{3, 5, 6}));
}

TEST_F(Loaders, SayWhatIsMissing) {
  EXPECT_ERROR_HAS(packed_blocks(documents({10, 10}), 2, 16, 0), kInput, "2 documents give 1 blocks of 16 tokens, 2 were asked for");
  EXPECT_ERROR_HAS(random_windows(documents({10, 16}), 2, 16, 0), kInput, "none of the 2 documents is longer than 16 tokens");
  EXPECT_ERROR_HAS(random_windows_prefiltered(documents({10, 16}), 2, 16, 0), kInput, "none of the 2 documents is longer than 16 tokens");
  EXPECT_ERROR_HAS(stream_windows({1, 2, 3}, 1, 3, 0), kInput, "the text has 3 tokens");
  EXPECT_ERROR_HAS(whole_items(documents({10}), 2, 16, 0), kInput, "the data set has 1 items, 2 sequences were asked for");
  EXPECT_ERROR_HAS(packed_blocks(documents({}), 2, 16, 0), kInput, "there are no documents");
}

TEST_F(Loaders, GiveADigestThatTellsSequencesApart) {
  const CalibrationTokens one{.sequences = {{1, 2}, {3}}}, other{.sequences = {{1}, {2, 3}}};
  EXPECT_NE(one.sha256(), other.sha256());
  EXPECT_EQ(one.sha256(), CalibrationTokens{one}.sha256());
}

}  // namespace
}  // namespace winnow
