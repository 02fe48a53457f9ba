#include <cmath>

#include "harness/api/task.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/scripted_language_model.h"
#include "tests/support/task_driver.h"

namespace winnow::test {
namespace {

// Documents held in memory.
class TwoRows : public DatasetSource {
 public:
  explicit TwoRows(std::vector<std::string> texts) {
    for (const std::string& text : texts) rows_.rows.push_back({{"text", text}});
    rows_.sha256 = std::string(64, '0');
  }
  const DatasetRows& read(const DatasetPart&) override { return rows_; }

 private:
  DatasetRows rows_;
};

TaskInputs byte_inputs(DatasetSource& source, std::optional<std::int32_t> bos, bool adds_bos) {
  TaskInputs inputs{&source, {}, bos};
  inputs.encode = [bos, adds_bos](std::string_view text) {
    std::vector<std::int32_t> ids;
    if (adds_bos) ids.push_back(*bos);
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  };
  return inputs;
}

// Windows as "context|continuation".
std::vector<std::string> windows(const Json& settings, const TaskInputs& inputs) {
  Json all = {{"dataset", "c4"}, {"window", 4}};
  if (!settings.is_null()) all.update(settings);  // {} is null
  const auto task = Registry<Task>::instance().make("perplexity", all);
  const ExampleList list = task->examples(inputs);
  std::vector<std::string> windows;
  for (std::size_t i = 0; i < list.count; ++i) {
    const Example example = list.make(i);
    const auto& request = std::get<TokensRequest>(example.requests.at(0));
    std::string window;
    for (const std::int32_t id : request.context) window += id == 1 ? '^' : static_cast<char>(id);
    window += '|';
    for (const std::int32_t id : request.continuation) window += id == 1 ? '^' : static_cast<char>(id);
    windows.push_back(window);
  }
  return windows;
}

using Windows = std::vector<std::string>;

TEST(Perplexity, CutsFullWindowsOfTheRowsJoinedByABlankLine) {
  TwoRows source({"abcd", "efg", "h"});  // abcd··efg··h
  EXPECT_EQ(windows({}, byte_inputs(source, 1, true)), (Windows{"^|abc", "d|\n\ne", "f|g\n\n"}));
  EXPECT_EQ(windows({{"bos", "once"}}, byte_inputs(source, 1, true)), (Windows{"^|abc", "d|\n\ne", "f|g\n\n"}));
  EXPECT_EQ(windows({{"bos", "none"}}, byte_inputs(source, 1, true)), (Windows{"a|bcd", "\n|\nef", "g|\n\nh"}));
  EXPECT_EQ(windows({{"limit", 2}}, byte_inputs(source, 1, true)), (Windows{"^|abc", "d|\n\ne"}));
}

TEST(Perplexity, PlacesBosWhereTheTokenizerDoesNot) {
  TwoRows source({"abcdefgh"});
  EXPECT_EQ(windows({}, byte_inputs(source, 1, false)), (Windows{"a|bcd", "e|fgh"}));
  EXPECT_EQ(windows({{"bos", "once"}}, byte_inputs(source, 1, false)), (Windows{"^|abc", "d|efg"}));
  EXPECT_EQ(windows({}, byte_inputs(source, {}, false)), (Windows{"a|bcd", "e|fgh"}));
  EXPECT_EQ(windows({{"add_bos", true}}, byte_inputs(source, 1, false)), (Windows{"^|abc", "d|efg"}));
  EXPECT_EQ(windows({{"add_bos", false}}, byte_inputs(source, 1, true)), (Windows{"a|bcd", "e|fgh"}));
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("perplexity", {{"bos", "once"}, {"add_bos", false}}), kInput, "contradict");
  EXPECT_ERROR_HAS(windows({{"bos", "once"}}, byte_inputs(source, {}, false)), kUnsupported, "no BOS token; use \"none\"");
}

TEST(Perplexity, OfHalfWindowsScoresTheSecondHalfAfterABosOfItsOwn) {
  TwoRows source({"abcdefghijklmnop"});
  EXPECT_EQ(windows({{"method", "half_window"}, {"window", 8}}, byte_inputs(source, 1, true)), (Windows{"^abcd|efg", "^ijkl|mno"}));
  EXPECT_EQ(windows({{"method", "half_window"}, {"window", 8}, {"bos", "none"}}, byte_inputs(source, 1, true)), (Windows{"abcde|fgh", "ijklm|nop"}));
  EXPECT_EQ(windows({{"method", "half_window"}, {"window", 8}}, byte_inputs(source, 1, false)), (Windows{"abcde|fgh", "ijklm|nop"}));
}

TEST(Perplexity, RefusesWhatCannotBeWindowed) {
  TwoRows source({"abc"});
  EXPECT_ERROR_HAS(windows({{"bos", "none"}}, byte_inputs(source, 1, true)), kInput, "c4 train has 3 tokens, less than one window of 4");
  EXPECT_ERROR_HAS(windows({}, TaskInputs{&source, {}, {}}), kUnsupported, "no tokenizer");
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("perplexity", {{"window", 512}, {"max_length", 256}}), kInput,
                   "\"window\" 512 is longer than \"max_length\" 256");
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("perplexity", {{"bos", "always"}}), kInput, "always");
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("perplexity", {{"method", "strided"}}), kInput, "strided");
  EXPECT_ERROR_HAS(Registry<Task>::instance().make("perplexity", {{"shots", 1}}), kInput, "shots");
}

TEST(Perplexity, TakesTheFirstSplitOfItsDatasetUnlessOneIsNamed) {
  EXPECT_EQ(Registry<Task>::instance().make("perplexity")->reads().at(0).split, "test");
  EXPECT_EQ(Registry<Task>::instance().make("perplexity", {{"dataset", "c4"}})->reads().at(0).split, "train");
  EXPECT_EQ(Registry<Task>::instance().make("perplexity", {{"dataset", "c4"}, {"split", "demo"}})->reads().at(0).split, "demo");
}

// The recorded windows' cross-entropies through the aggregation.
TEST(Perplexity, AggregatesTheRecordedWindows) {
  const Json golden = read_json_file(fixture("lm_eval/tiny_window_ppl.json"));
  const auto aggregate = [](const Json& run, const Json& settings, const Json& sums, double tokens, double factor) {
    std::vector<ScoredAnswer> answers;
    for (const Json& sum : sums) {
      answers.push_back({"w", static_cast<std::int64_t>(answers.size()), "none", {{"log_likelihood", -sum.get<double>() * factor}, {"tokens", tokens}}});
    }
    const std::vector<Metric> metrics = Registry<Task>::instance().make("perplexity", settings)->aggregate(answers);
    ASSERT_EQ(metrics.size(), 1u);
    EXPECT_EQ(metrics[0].name, fmt::format("wikitext2_ppl_{}", run.at("window").get<int>()));
    EXPECT_EQ(metrics[0].count, run.at("windows"));
    EXPECT_FALSE(metrics[0].higher_is_better);
    EXPECT_NEAR(metrics[0].value / run.at("perplexity").get<double>(), 1, 1e-6);  // the windows are recorded with six decimals
  };
  for (const Json& run : golden.at("runs")) {
    const double scored = run.at("window").get<double>() - 1;
    aggregate(run, {{"window", run.at("window")}}, run.at("mean_ce_per_window"), scored, scored);
  }
  for (const Json& run : golden.at("half_window").at("runs")) {
    aggregate(run, {{"window", run.at("window")}, {"method", "half_window"}}, run.at("nll_sum_per_window"), run.at("scored_per_window"), 1);
  }
}

// The texts that are encoded are the recorded ones, and their windows are as many.
TEST(Perplexity, EncodesTheRecordedTextsOfTheRealFile) {
  const auto folder = real_data_folder();
  if (!folder) GTEST_SKIP() << kNoRealData;
  const auto source = folder_source(*folder);
  const Json golden = read_json_file(fixture("lm_eval/tiny_window_ppl.json"));
  const ScriptedLanguageModel model;
  for (const auto& [method, sha256] : {std::pair("full", golden.at("text_sha256")), std::pair("half_window", golden.at("half_window").at("text_sha256"))}) {
    const auto task = Registry<Task>::instance().make("perplexity", {{"method", method}});
    const Example example = task->examples(task_inputs(*source, model)).make(3);
    const Json document = Json::parse(example.record.doc_json);
    EXPECT_EQ(document.at("text_sha256"), sha256) << method;
    EXPECT_EQ(document.at("index"), 3);
    const auto& request = std::get<TokensRequest>(example.requests.at(0));
    EXPECT_EQ(request.context.size() + request.continuation.size(), 2048u);
  }
}

}  // namespace
}  // namespace winnow::test
