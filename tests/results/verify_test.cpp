#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/core/files.h"
#include "results/store.h"
#include "tests/results/sample_trials.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using test::make_answer;
using test::make_cell;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The share of strict matches, as a task's own code would give it.
std::vector<Metric> strict_matches(const std::string&, const Json&, std::vector<ScoredAnswer> answers) {
  double sum = 0, count = 0;
  for (const ScoredAnswer& answer : answers) {
    if (answer.filter != "strict-match") continue;
    sum += answer.values.at("exact_match");
    ++count;
  }
  return {{"exact_match", "strict-match", sum / count, 0.25, "share", true, static_cast<std::int64_t>(count)}};
}

class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    Store store = Store::open(file_);
    const std::vector<Cell> cells = {make_cell("tiny", "dense", "gsm8k"), make_cell("tiny", "half", "gsm8k")};
    store.start_sweep("s", "{}", cells);
    for (const Cell& cell : cells) {
      const auto id = store.begin(cell, {{"machine", "m"}}).id;
      store.append(id, std::vector{make_answer(0), make_answer(1)}, {});
      store.record_plan(id, "{}");
      store.finish(id, {TrialStatus::kOk,
                        "",
                        {{"exact_match", "strict-match", 0.5, 0.25, "share", true, 2}, {"peak_bytes", "none", 1e9, {}, "bytes", false, 1}},
                        {{"total", 2}}});
    }
  }

  void execute(const std::string& sql) { SQLite::Database(file_.string(), SQLite::OPEN_READWRITE).exec(sql); }
  Store::Verified verify() { return Store::open_read_only(file_).verify(strict_matches); }

  test::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "store.sqlite";
};

TEST_F(VerifyTest, FindsNothingInAStoreAsItWasWritten) {
  const Store::Verified verified = verify();
  EXPECT_THAT(verified.faults, IsEmpty());
  EXPECT_THAT(verified.not_recomputed, IsEmpty());
  EXPECT_EQ(verified.trials, 2u);
  EXPECT_EQ(verified.recomputed, 2u);
  EXPECT_EQ(verified.without_digest, 0u);
}

TEST_F(VerifyTest, FindsNothingInAJoinedStore) {
  {
    Store joined = Store::open(folder_ / "joined.sqlite"), from = Store::open_read_only(file_);
    joined.finish(joined.begin(make_cell("other", "dense", "gsm8k"), {}).id, {});  // other row numbers
    joined.join(from);
  }
  const Store::Verified verified = Store::open_read_only(folder_ / "joined.sqlite").verify(strict_matches);
  EXPECT_THAT(verified.faults, IsEmpty());
  EXPECT_EQ(verified.trials, 3u);
  EXPECT_EQ(verified.without_digest, 0u);
}

TEST_F(VerifyTest, NamesTheTrialOfEveryEdit) {
  const std::string dense = "trial 1 (tiny · dense · gsm8k): ", changed = "metrics, answers or times are not those that it ended with";
  const std::vector<std::pair<std::string, std::string>> edits = {
      {"UPDATE answers SET values_json = '{\"exact_match\":1.0}' WHERE trial_id = 1",
       dense + "exact_match,strict-match is 0.5 in the store, and its answers give 1"},
      {"UPDATE metrics SET value = 0.625 WHERE trial_id = 1", dense + "exact_match,strict-match is 0.625 in the store, and its answers give 0.5"},
      {"UPDATE metrics SET stderr = NULL WHERE trial_id = 1",
       dense + "exact_match,strict-match has the standard error none in the store, and its answers give 0.25"},
      {"DELETE FROM metrics WHERE trial_id = 1 AND name = 'exact_match'", dense + "exact_match,strict-match is not in the store, and its answers give 0.5"},
      {"UPDATE metrics SET value = 2e9 WHERE trial_id = 1 AND name = 'peak_bytes'", dense + "its " + changed},
      {"UPDATE answers SET reply = '7' WHERE trial_id = 1 AND filter = 'strict-match'", dense + "its " + changed},
      {"UPDATE answers SET raw_reply = NULL WHERE trial_id = 1", dense + "its " + changed},
      {"DELETE FROM answers WHERE trial_id = 1 AND example_id = 1", dense + "its " + changed},
      {"UPDATE trials SET seconds_json = '{\"total\":1.0}' WHERE id = 1", dense + "its " + changed},
      {"UPDATE prompts SET text = text || '!'", "its text has not the digest"},
      {"UPDATE examples SET doc_json = '{}' WHERE id = 1", "document of gsm8k 0: its text has not the digest"},
      {"UPDATE examples SET target = '9' WHERE id = 2", "target of gsm8k 1: its text has not the digest"},
      {"UPDATE cells SET identity_json = '{}' WHERE variant = 'half'", "cell tiny · half · gsm8k: its text has not the digest"},
      {"UPDATE plans SET plan_json = '[]'", "its text has not the digest"},
      {"UPDATE environment SET environment_json = '{}'", "environment 1: its text has not the digest"},
      {"UPDATE arguments SET arguments_json = '[]'", "arguments 1: its text has not the digest"},
      {"UPDATE sweeps SET sweep_json = '[]'", "sweep s: its text has not the digest"},
      {"DELETE FROM environment", "names a row of environment that is not there"}};
  for (const auto& [edit, sentence] : edits) {
    const std::string whole = test::read_text(file_);
    execute(edit);
    EXPECT_THAT(verify().faults, Contains(HasSubstr(sentence))) << edit;
    write_file(file_, whole);
  }
  EXPECT_THAT(verify().faults, IsEmpty());
}

TEST_F(VerifyTest, TellsWhatItCouldNotHoldAgainstAnything) {
  execute("DELETE FROM trial_digests WHERE trial_id = 2");
  execute("UPDATE trials SET status = 'running', finished_at = NULL WHERE id = 1");
  const Store::Verified verified = Store::open_read_only(file_).verify([](auto&&...) -> std::vector<Metric> { throw std::runtime_error("no such task"); });
  EXPECT_THAT(verified.faults, IsEmpty());
  EXPECT_EQ(verified.unfinished, 1u);
  EXPECT_EQ(verified.without_digest, 1u);
  EXPECT_THAT(verified.not_recomputed, ElementsAre("trial 2 (tiny · half · gsm8k): no such task"));
}

TEST_F(VerifyTest, ReadsStoresOfOlderVersions) {
  execute("PRAGMA user_version = 2; DROP TABLE trial_digests");
  const Store::Verified verified = verify();
  EXPECT_THAT(verified.faults, IsEmpty());
  EXPECT_EQ(verified.without_digest, 2u);
  EXPECT_EQ(verified.recomputed, 2u);
}

TEST_F(VerifyTest, TablesWhoseKeysAreGoneAreADamagedStore) {
  execute("PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'INTEGER PRIMARY KEY', 'INTEGER') WHERE name = 'grids'");
  EXPECT_ERROR_THAT(verify(), kInput, testing::AllOf(testing::StartsWith(file_.string() + ": the store is damaged"), HasSubstr("foreign key mismatch")));
}

}  // namespace
}  // namespace winnow
