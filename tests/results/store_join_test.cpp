#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "results/store.h"
#include "tests/results/sample_trials.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using test::make_answer;
using test::make_cell;
using testing::ElementsAre;
using testing::IsEmpty;

const Cell kDense = make_cell("tiny", "dense", "gsm8k"), kHalf = make_cell("tiny", "half", "gsm8k"), kMmlu = make_cell("tiny", "dense", "mmlu");

class StoreJoin : public testing::Test {
 protected:
  Store store(const std::string& name) { return Store::open(folder_ / (name + ".sqlite")); }

  // A finished trial of some answers.
  static void run(Store& store, const Cell& cell, double score = 0.5, TrialStatus status = TrialStatus::kOk, int first = 0) {
    const auto id = store.begin(cell, {{"machine", cell.variant}}).id;
    for (int doc = first; doc < first + 3; ++doc) store.append(id, std::vector{make_answer(doc)}, {{"total", 1.5}});
    store.record_plan(id, "{\"plan\": \"" + cell.variant + "\"}");
    store.finish(id, {status,
                      "",
                      {{"exact_match", "strict-match", score, 0.1, "share", true, 3}, {"peak_bytes", "none", 1e9 * score, {}, "bytes", false, 1}},
                      {{"total", 2}}});
  }

  static std::vector<RecordedAnswer> answers(Store& store, const Cell& cell) {
    std::vector<RecordedAnswer> answers;
    for (const Trial& trial : store.latest()) {
      if (trial.cell.key == cell.key) store.for_each_answer(trial.id, [&](const RecordedAnswer& answer) { answers.push_back(answer); });
    }
    return answers;
  }

  test::TemporaryFolder folder_;
};

TEST_F(StoreJoin, TakesOverTrialsWithAllTheyStandOn) {
  Store one = store("one"), two = store("two"), joined = store("joined");
  run(one, kDense);
  run(two, kHalf, 0.25);
  run(two, kMmlu, 0.75, TrialStatus::kFailed, 7);
  EXPECT_EQ(joined.join(one).added, 1u);
  EXPECT_EQ(joined.join(two).added, 2u);
  const std::vector<Trial> trials = joined.latest();
  ASSERT_EQ(trials.size(), 3u);
  const Trial there = two.latest()[0], here = trials[1];
  EXPECT_EQ(here.cell.key, kHalf.key);
  EXPECT_EQ(here.started_at, there.started_at);
  EXPECT_EQ(here.environment, there.environment);
  EXPECT_EQ(here.metrics[0].value, 0.25);
  EXPECT_EQ(here.metrics[0].standard_error, 0.1);
  EXPECT_EQ(here.seconds, there.seconds);
  EXPECT_EQ(trials[2].status, TrialStatus::kFailed);
  const std::vector<RecordedAnswer> expected = answers(two, kHalf), found = answers(joined, kHalf);
  ASSERT_EQ(found.size(), 6u);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].example.doc_id, expected[i].example.doc_id);
    EXPECT_EQ(found[i].prompt, expected[i].prompt);
    EXPECT_EQ(found[i].arguments, expected[i].arguments);
    EXPECT_EQ(found[i].raw_reply, expected[i].raw_reply);
    EXPECT_EQ(found[i].answers[0].filter, expected[i].answers[0].filter);
    EXPECT_EQ(found[i].answers[0].values, expected[i].answers[0].values);
  }
}

TEST_F(StoreJoin, AgainIsHarmless) {
  Store one = store("one"), joined = store("joined");
  run(one, kDense);
  joined.join(one);
  const Store::Joined again = joined.join(one);
  EXPECT_EQ(again.added, 0u);
  EXPECT_EQ(again.already_there, 1u);
  EXPECT_THAT(again.conflicts, IsEmpty());
  EXPECT_EQ(joined.latest().size(), 1u);
  EXPECT_EQ(answers(joined, kDense).size(), 6u);
}

TEST_F(StoreJoin, NamesCellsWithAnotherResultAndLetsTheLaterOneCount) {
  Store one = store("one"), two = store("two"), three = store("three"), joined = store("joined");
  run(one, kDense, 0.5);
  run(two, kDense, 0.5 + 1e-9);  // rounding; its memory differs too, which is no conflict
  run(three, kDense, 0.75);
  EXPECT_THAT(joined.join(one).conflicts, IsEmpty());
  EXPECT_THAT(joined.join(two).conflicts, IsEmpty());
  EXPECT_THAT(joined.join(three).conflicts, ElementsAre("tiny · dense · gsm8k: exact_match,strict-match is 0.75 there and 0.500000001 here"));
  EXPECT_EQ(joined.latest()[0].metrics[0].value, 0.75);
}

TEST_F(StoreJoin, LeavesWhatHasNotEnded) {
  Store one = store("one"), joined = store("joined");
  one.append(one.begin(kDense, {}).id, std::vector{make_answer(0)}, {});
  const Store::Joined outcome = joined.join(one);
  EXPECT_EQ(outcome.unfinished, 1u);
  EXPECT_EQ(outcome.added, 0u);
  EXPECT_THAT(joined.latest(), IsEmpty());
}

TEST_F(StoreJoin, AFailedTrialOfOneShardDoesNotHideTheGoodOneOfAnother) {
  Store one = store("one"), two = store("two"), joined = store("joined");
  run(one, kDense, 0.5);
  run(two, kDense, 0, TrialStatus::kFailed);
  joined.join(one);
  EXPECT_THAT(joined.join(two).conflicts, IsEmpty());
  EXPECT_EQ(joined.latest()[0].status, TrialStatus::kOk);
}

TEST_F(StoreJoin, KeepsTheOrderOfTheGrid) {
  const std::vector<Cell> grid = {kMmlu, kHalf, kDense};
  Store one = store("one"), two = store("two"), joined = store("joined");
  for (Store* part : {&one, &two}) part->start_sweep("sweep", "{}", grid);
  run(one, kDense);
  run(two, kMmlu);
  joined.join(one);
  joined.join(two);
  ASSERT_EQ(joined.latest().size(), 2u);
  EXPECT_EQ(joined.latest()[0].cell.key, kMmlu.key);
  EXPECT_EQ(joined.latest()[0].sweep, "sweep");
  EXPECT_EQ(grid_sha256(joined.frozen_cells("sweep")), grid_sha256(grid));
}

TEST_F(StoreJoin, AFrozenGridIsTheNewestOfItsSweep) {
  Store store = this->store("one");
  EXPECT_THAT(store.frozen_cells("sweep"), IsEmpty());
  const std::vector<Cell> first = {kDense, kHalf}, second = {kHalf, kMmlu, kDense};
  store.start_sweep("sweep", "{}", first);
  store.start_sweep("other", "{}", std::vector{kMmlu});
  EXPECT_EQ(grid_sha256(store.frozen_cells("sweep")), grid_sha256(first));
  store.start_sweep("sweep", "{\"changed\": 1}", second);
  EXPECT_EQ(grid_sha256(store.frozen_cells("sweep")), grid_sha256(second));
  store.start_sweep("sweep", "{}", first);  // back again
  EXPECT_EQ(grid_sha256(store.frozen_cells("sweep")), grid_sha256(first));
  EXPECT_EQ(store.frozen_cells("sweep")[1].identity, kHalf.identity);
  EXPECT_EQ(grid_sha256(store.frozen_cells("other")), grid_sha256(std::vector{kMmlu}));
}

TEST_F(StoreJoin, ACellHasFailedUntilATrialOfItGoesWell) {
  Store store = this->store("one");
  run(store, kDense, 0, TrialStatus::kFailed);
  run(store, kHalf);
  EXPECT_THAT(store.failed_keys(), ElementsAre(kDense.key));
  run(store, kDense);
  EXPECT_THAT(store.failed_keys(), IsEmpty());
}

}  // namespace
}  // namespace winnow
