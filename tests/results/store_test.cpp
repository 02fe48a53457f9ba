#include "results/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "harness/core/digest.h"
#include "tests/results/sample_trials.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using test::make_answer;
using test::make_cell;
using test::make_choice_answer;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class StoreTest : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "store.sqlite";
  Cell cell_ = make_cell("tiny", "dense", "gsm8k");
  Json environment_ = {{"commit", "abc"}};
};

TEST_F(StoreTest, AFinishedCellIsNotRunAgain) {
  Store store = Store::open(file_);
  EXPECT_THAT(store.finished_keys(), IsEmpty());
  const auto trial = store.begin(cell_, environment_);
  EXPECT_GT(trial.id, 0);
  EXPECT_THAT(store.finished_keys(), IsEmpty());
  store.finish(trial.id, {});
  EXPECT_THAT(store.finished_keys(), ElementsAre(cell_.key));
  EXPECT_EQ(store.begin(cell_, environment_).id, 0);
}

TEST_F(StoreTest, ASkippedCellIsNotRunAgainButAFailedOneGetsANewTrial) {
  Store store = Store::open(file_);
  const Cell failed = make_cell("tiny", "random-6", "gsm8k");
  store.finish(store.begin(cell_, environment_).id, {TrialStatus::kSkipped, "needs a tokenizer", {}, {}});
  const auto first = store.begin(failed, environment_);
  store.append(first.id, std::vector{make_answer(0)}, {});
  store.finish(first.id, {TrialStatus::kFailed, "out of memory", {}, {}});
  EXPECT_THAT(store.finished_keys(), ElementsAre(cell_.key));
  const auto second = store.begin(failed, environment_);
  EXPECT_GT(second.id, first.id);
  EXPECT_THAT(second.answered, IsEmpty());
}

TEST_F(StoreTest, ATrialThatWasCutOffGoesOnWhereItStopped) {
  std::int64_t id = 0;
  {
    Store store = Store::open(file_);
    id = store.begin(cell_, environment_).id;
    store.append(id, std::vector{make_answer(0), make_answer(3)}, {{"prefill", 1.25}});
  }
  Store store = Store::open(file_);
  const auto trial = store.begin(cell_, environment_);
  EXPECT_EQ(trial.id, id);
  EXPECT_THAT(trial.answered, UnorderedElementsAre(Pair("gsm8k", 0), Pair("gsm8k", 3)));
  EXPECT_THAT(trial.seconds, ElementsAre(Pair("prefill", 1.25)));
}

TEST_F(StoreTest, ACellThatAnotherStoreIsRunningIsLeftAlone) {
  Store first = Store::open(file_);
  Store second = Store::open(file_);
  const auto trial = first.begin(cell_, environment_);
  EXPECT_EQ(second.begin(cell_, environment_).id, 0);
  EXPECT_GT(second.begin(make_cell("tiny", "dense", "mmlu"), environment_).id, trial.id);
  first.finish(trial.id, {TrialStatus::kFailed, "a reason", {}, {}});
  EXPECT_GT(second.begin(cell_, environment_).id, trial.id);
}

TEST_F(StoreTest, AnswersComeBackToTheLastBit) {
  Store store = Store::open(file_);
  const auto id = store.begin(cell_, environment_).id;
  RecordedAnswer odd = make_choice_answer(7, "mmlu_anatomy");
  odd.log_likelihoods = {0.1 + 0.2, -std::numeric_limits<double>::infinity(), 5e-324, -1.0 / 3};
  store.append(id, std::vector{odd}, {});
  std::vector<RecordedAnswer> back;
  store.for_each_answer(id, [&](const RecordedAnswer& answer) { back.push_back(answer); });
  ASSERT_EQ(back.size(), 1u);
  EXPECT_EQ(back[0].log_likelihoods, odd.log_likelihoods);
  EXPECT_EQ(back[0].greedy, odd.greedy);
  EXPECT_EQ(back[0].arguments, odd.arguments);
  EXPECT_EQ(back[0].prompt, odd.prompt);
  EXPECT_EQ(back[0].example.gold, 1);
  EXPECT_EQ(back[0].example.doc_hash, odd.example.doc_hash);
  EXPECT_EQ(back[0].answers[0].values, odd.answers[0].values);
}

TEST_F(StoreTest, AnswersAreOrderedByDocumentWhateverTheOrderOfSaving) {
  Store store = Store::open(file_);
  const auto id = store.begin(cell_, environment_).id;
  for (const int doc : {5, 1, 3}) store.append(id, std::vector{make_answer(doc)}, {});
  std::vector<std::string> seen;
  for (const ScoredAnswer& answer : store.answers(id)) seen.push_back(std::to_string(answer.doc_id) + " " + answer.filter);
  EXPECT_THAT(seen, ElementsAre("1 strict-match", "1 flexible-extract", "3 strict-match", "3 flexible-extract", "5 strict-match", "5 flexible-extract"));
  seen.clear();
  store.for_each_answer(id, [&](const RecordedAnswer& answer) {
    seen.push_back(std::to_string(answer.example.doc_id) + " " + answer.answers[0].filter + " " + answer.answers[0].reply + " " +
                   answer.raw_reply.substr(0, 7));
  });
  EXPECT_THAT(seen, ElementsAre("1 strict-match 1 It is 1", "3 strict-match 3 It is 3", "5 strict-match 5 It is 5", "1 flexible-extract 1. It is 1",
                                "3 flexible-extract 3. It is 3", "5 flexible-extract 5. It is 5"));
}

TEST_F(StoreTest, OutcomesAreOrderedByTaskAndDocumentEachWithItsOwnPromptArgumentsAndGrades) {
  Store store = Store::open(file_);
  const auto ask = [&](const std::string& variant, const std::string& wording, const std::vector<std::pair<std::string, int>>& examples) {
    const auto id = store.begin(make_cell("tiny", variant, "mmlu"), environment_).id;
    for (const auto& [leaf, doc] : examples) {
      RecordedAnswer answer = make_choice_answer(doc, leaf);
      answer.prompt = wording + leaf;
      answer.arguments.push_back(wording);
      answer.answers[0].values["loss"] = 0.5 * doc;
      store.append(id, std::vector{answer}, {});
    }
    std::vector<std::string> seen;
    for (const Outcome& outcome : store.outcomes(id, "none")) {
      EXPECT_EQ(outcome.question->prompt_sha256, sha256_hex(wording + outcome.question->leaf));
      EXPECT_EQ(outcome.values.map(), (SharedValues::Map{{"acc", double(outcome.question->doc_id % 2)}, {"loss", 0.5 * double(outcome.question->doc_id)}}));
      seen.push_back(fmt::format("{} {} {}", outcome.question->leaf, outcome.question->doc_id, outcome.question->arguments_sha256.substr(0, 4)));
    }
    return seen;
  };
  const std::string first = sha256_hex(R"([" A"," B"," C"," D","Which? "])").substr(0, 4), second = sha256_hex(R"([" A"," B"," C"," D","Say: "])").substr(0, 4);
  EXPECT_THAT(ask("dense", "Which? ", {{"virology", 3}, {"anatomy", 10}, {"virology", 2}, {"anatomy", 9}}),
              ElementsAre("anatomy 9 " + first, "anatomy 10 " + first, "virology 2 " + first, "virology 3 " + first));
  EXPECT_THAT(ask("random-6", "Say: ", {{"anatomy", 10}, {"virology", 3}, {"algebra", 1}}),
              ElementsAre("algebra 1 " + second, "anatomy 10 " + second, "virology 3 " + second));
  EXPECT_THAT(ask("random-4", "Which? ", {{"virology", 3}}), ElementsAre("virology 3 " + first));
  EXPECT_THAT(store.outcomes(1, "another"), IsEmpty());
}

TEST_F(StoreTest, LatestIsTheNewestGoodTrialElseTheNewest) {
  Store store = Store::open(file_);
  const Cell failing = make_cell("tiny", "random-6", "gsm8k");
  const std::vector<Cell> cells{failing, cell_};
  store.start_sweep("first-look", "{}", cells);
  TrialEnd end;
  end.metrics = {{"exact_match", "strict-match", 0.5, 0.125, "share", true, 4}, {"peak_bytes", "none", 1e9, std::nullopt, "bytes", false, 1, "leaf", "parent"}};
  end.seconds = {{"prefill", 2.5}, {"total", 3}};
  store.finish(store.begin(cell_, environment_).id, end);
  store.finish(store.begin(failing, environment_).id, {TrialStatus::kFailed, "first", {}, {}});
  store.finish(store.begin(failing, environment_).id, {TrialStatus::kFailed, "second", {}, {}});
  const std::vector<Trial> trials = store.latest();
  ASSERT_EQ(trials.size(), 2u);
  EXPECT_EQ(trials[0].reason, "second");
  EXPECT_EQ(trials[0].status, TrialStatus::kFailed);
  EXPECT_EQ(trials[1].sweep, "first-look");
  EXPECT_EQ(trials[1].cell.identity, cell_.identity);
  EXPECT_EQ(trials[1].environment, environment_);
  EXPECT_THAT(trials[1].seconds, ElementsAre(Pair("prefill", 2.5), Pair("total", 3.0)));
  ASSERT_EQ(trials[1].metrics.size(), 2u);
  EXPECT_EQ(trials[1].metrics[0].name, "exact_match");
  EXPECT_EQ(trials[1].metrics[0].standard_error, 0.125);
  EXPECT_EQ(trials[1].metrics[1].standard_error, std::nullopt);
  EXPECT_EQ(trials[1].metrics[1].parent, "parent");
  EXPECT_FALSE(trials[1].metrics[1].higher_is_better);
}

TEST_F(StoreTest, TheNewestSweepsLabelsAreShown) {
  Store store = Store::open(file_);
  store.finish(store.begin(cell_, environment_).id, {});
  cell_.variant = "renamed";
  store.start_sweep("again", "{}", std::vector{cell_});
  EXPECT_EQ(store.latest()[0].cell.variant, "renamed");
}

TEST_F(StoreTest, HostileTextIsKeptAndChangesNothing) {
  const std::string hostile = std::string("x'); DROP TABLE trials;-- \0 \x1b[31m \xff\xfe end", 41);
  Store store = Store::open(file_);
  Cell cell = make_cell("x'); DROP TABLE trials;--", "\x1b]0;title\x07", "gsm8k");
  const auto id = store.begin(cell, environment_).id;
  RecordedAnswer answer = make_answer(0);
  answer.prompt = answer.raw_reply = answer.answers[0].reply = hostile;
  answer.answers[1].reply = std::string(10 << 20, 'y');
  store.append(id, std::vector{answer}, {});
  store.finish(id, {TrialStatus::kFailed, "'; DELETE FROM answers; --", {}, {}});
  std::vector<RecordedAnswer> back;
  store.for_each_answer(id, [&](const RecordedAnswer& read) { back.push_back(read); });
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0].prompt, hostile);
  EXPECT_EQ(back[0].raw_reply, hostile);
  EXPECT_EQ(back[0].answers[0].reply, hostile);
  EXPECT_EQ(back[1].answers[0].reply, answer.answers[1].reply);
  EXPECT_EQ(store.latest()[0].cell.model, cell.model);
  EXPECT_EQ(store.latest()[0].cell.variant, cell.variant);
  EXPECT_EQ(store.latest()[0].reason, "'; DELETE FROM answers; --");
}

TEST_F(StoreTest, OfACellInTwoStoresTheGoodTrialIsTaken) {
  std::vector<Store> stores;
  for (const char* name : {"a.sqlite", "b.sqlite", "c.sqlite"}) stores.push_back(Store::open(folder_ / name));
  const Cell other = make_cell("tiny", "dense", "mmlu");
  stores[0].finish(stores[0].begin(cell_, environment_).id, {});
  stores[0].finish(stores[0].begin(other, environment_).id, {});
  stores[1].finish(stores[1].begin(cell_, environment_).id, {TrialStatus::kFailed, "no", {}, {}});
  stores[2].finish(stores[2].begin(other, environment_).id, {});
  const auto trials = latest_of(stores);
  ASSERT_EQ(trials.size(), 2u);
  EXPECT_EQ(trials[0].store, 0u);
  EXPECT_EQ(trials[0].trial.status, TrialStatus::kOk);
  EXPECT_EQ(trials[1].store, 2u);
}

}  // namespace
}  // namespace winnow
