#include "harness/text/windows.h"

#include <numeric>

#include "harness/core/json.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using test::fixture;

Json recorded(const char* key) { return Json::parse(test::read_text(fixture("text/lm_eval_functions.json"))).at(key); }

const Tokenizer& mixtral() {
  static const auto tokenizer = Tokenizer::open(fixture("lm_eval/tiny_mixtral"), 32000);
  return *tokenizer;
}

TEST(RollingWindows, AreThoseOfTheHarness) {
  for (const Json& row : recorded("rolling_windows")) {
    const bool is_folded = row.at("max_seq_len") >= 256;  // to [context length, predicted length, first of both, last predicted]
    Json windows = Json::array();                         // tokens 1 … n behind the prefix 0
    for (const RollingWindow& window : rolling_windows(row.at("n"), row.at("max_seq_len"), row.at("context_len"))) {
      Json context = Json::array(), predicted = Json::array();
      for (std::int64_t i = window.first_context; i < window.first_predicted; ++i) context.push_back(i + 1);
      for (std::int64_t i = window.first_predicted; i < window.end; ++i) predicted.push_back(i + 1);
      windows.push_back(is_folded ? Json{context.size(), predicted.size(), context.front(), predicted.front(), predicted.back()} : Json{context, predicted});
    }
    EXPECT_EQ(windows, row.at("windows")) << row.at("n") << " " << row.at("max_seq_len");
  }
}

TEST(StopStrings, CutAsTheHarnessDoes) {
  for (const Json& row : recorded("stop_strings")) {
    EXPECT_EQ(cut_at_stop_strings(row.at(2).get<std::string>(), row.at(1).get<std::vector<std::string>>()), row.at(3).get<std::string>()) << row;
  }
}

TEST(TrailingSpace, MovesToTheContinuationWhateverItsUnicode) {
  const TextPair pair = move_trailing_space("Answer: \t\xe2\x80\x83\xc2\xa0", "A");
  EXPECT_EQ(pair.context, "Answer:");
  EXPECT_EQ(pair.continuation,
            " \t\xe2\x80\x83\xc2\xa0"
            "A");
  EXPECT_EQ(move_trailing_space("  ", " A").context, "");
  EXPECT_EQ(move_trailing_space("Answer:", " A").continuation, " A");
}

TEST(PairEncoding, SplitsTheWholeByTheContextsCount) {
  const PromptEncoder encoder(mixtral(), std::nullopt);
  const TokenPair pair = encode_pair(encoder, "Answer:", " A");
  EXPECT_EQ(pair.context, (TokenIds{1, 26307, 28747}));
  EXPECT_EQ(pair.continuation, (TokenIds{330}));
  EXPECT_FALSE(pair.merged_boundary);
  EXPECT_EQ(encode_pair(encoder, "Answer: ", "A").continuation, (TokenIds{330})) << "the space is the continuation's";
}

TEST(PairEncoding, SaysWhenTheBoundaryMerged) {
  const PromptEncoder encoder(mixtral(), std::nullopt);
  const TokenPair pair = encode_pair(encoder, "Hel", "lo world");
  EXPECT_TRUE(pair.merged_boundary);
  EXPECT_EQ(pair.context, encoder.encode("Hel"));
  EXPECT_EQ(pair.continuation.size(), encoder.encode("Hello world").size() - pair.context.size());
}

TEST(PairEncoding, StartsAnEmptyContextFromThePrefixToken) {
  const PromptEncoder encoder(mixtral(), std::nullopt);
  EXPECT_EQ(encode_pair(encoder, "", " A").context, (TokenIds{1}));
  EXPECT_EQ(encode_pair(encoder, "", "A").continuation, (TokenIds{330}));
  EXPECT_EQ(encode_pair(encoder, "", "<s>A").context, (TokenIds{1}));
  EXPECT_EQ(encode_pair(encoder, "", "<s>A").continuation, (TokenIds{330})) << "it begins with the prefix token already";
}

TEST(PromptEncoder, AddsBosOnceAndAsAsked) {
  EXPECT_EQ(PromptEncoder(mixtral(), std::nullopt).encode("A"), (TokenIds{1, 330}));
  EXPECT_EQ(PromptEncoder(mixtral(), true).encode("A"), (TokenIds{1, 330}));
  EXPECT_EQ(PromptEncoder(mixtral(), false).encode("A"), (TokenIds{330}));
  EXPECT_EQ(PromptEncoder(mixtral(), std::nullopt).encode("<s>A"), (TokenIds{1, 330})) << "no second one";
  const test::TemporaryFolder folder;
  folder.write("tokenizer.model", test::read_text(fixture("lm_eval/tiny_mixtral/tokenizer.model")));
  folder.write("tokenizer_config.json", R"({"add_bos_token": false})");
  const auto without = Tokenizer::open(folder.path(), 32000);
  EXPECT_EQ(PromptEncoder(*without, std::nullopt).encode("A"), (TokenIds{330}));
  EXPECT_EQ(PromptEncoder(*without, true).encode("A"), (TokenIds{1, 330}));
}

TEST(RowsToScore, KeepTheLastIdsAndDropTheLastOne) {
  const TokenIds context = {1, 2, 3, 4, 5}, continuation = {6, 7};
  const ScoredRows whole = rows_to_score(context, continuation, 6);
  EXPECT_EQ(whole.input, (TokenIds{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(whole.targets, continuation);
  EXPECT_FALSE(whole.truncated);
  const ScoredRows cut = rows_to_score(context, continuation, 4);
  EXPECT_EQ(cut.input, (TokenIds{3, 4, 5, 6}));
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(rows_to_score(context, continuation, 2).input, (TokenIds{5, 6}));
}

}  // namespace
}  // namespace winnow
