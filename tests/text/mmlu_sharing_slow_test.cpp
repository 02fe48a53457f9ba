#include <gtest/gtest.h>

#include <map>

#include "harness/api/task.h"
#include "harness/text/score_set.h"
#include "harness/text/tokenizer.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

// Rows of all 14,042 questions at 5 shots, subject after subject, as the runner hands them over.
std::map<int, RowCounts> count_mmlu(const std::filesystem::path& data) {
  const auto tokenizer = Tokenizer::open(test::fixture("lm_eval/tiny_mixtral"), 32000);
  const PromptEncoder encoder(*tokenizer, std::nullopt);
  const auto datasets = test::folder_source(data);
  const auto task = Registry<Task>::instance().make("mmlu", {{"shots", 5}});
  const ExampleList examples = task->examples({.datasets = datasets.get()});
  EXPECT_EQ(examples.count, 14042u);
  std::map<int, RowCounts> counts;
  std::map<int, ScoreSet> sets;
  std::string group;
  const auto close_group = [&] {
    for (auto& [max_length, set] : sets) {
      const RowCounts rows = count_rows(set);
      counts[max_length].asked += rows.asked;
      counts[max_length].forwarded += rows.forwarded;
    }
    sets.clear();
  };
  for (std::size_t index = 0; index < examples.count; ++index) {
    const Example example = examples.make(index);
    if (example.group != group) close_group();
    group = example.group;
    for (const Request& request : example.requests) {
      const auto& score = std::get<ScoreRequest>(request);
      const TokenPair pair = encode_pair(encoder, score.context, score.continuation);
      for (const int max_length : {2048, 8192}) sets[max_length].add(index, rows_to_score(pair.context, pair.continuation, max_length));
    }
  }
  close_group();
  return counts;
}

TEST(MmluSharing, ForwardsFewOfTheRowsAskedFor) {
  const auto data = test::real_data_folder();
  if (!data) GTEST_SKIP() << test::kNoRealData;
  const auto counts = count_mmlu(*data);
  const auto share = [&](int max_length) { return static_cast<double>(counts.at(max_length).forwarded) / static_cast<double>(counts.at(max_length).asked); };
  EXPECT_LE(share(8192), 0.16);
  EXPECT_LE(share(2048), 0.23);
  EXPECT_GT(counts.at(8192).asked, 9'000'000);
  RecordProperty("share_8192", std::to_string(share(8192)));
  RecordProperty("share_2048", std::to_string(share(2048)));
}

}  // namespace
}  // namespace winnow
