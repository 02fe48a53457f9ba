#include <set>

#include "harness/sweep/run_sweep.h"
#include "harness/sweep/until_examples.h"
#include "tests/support/errors.h"
#include "tests/support/sweep_fakes.h"

namespace winnow {
namespace {

using test::letters_sweep;
using testing::HasSubstr;

struct UntilBench : test::SweepBench<> {
  explicit UntilBench(const std::string& text) : SweepBench(text), cells(expand(sweep, opener, datasets)) {}

  std::vector<Cell> cells;
};

constexpr const char* kUntil = R"([{"task": "letters", "limit": 3000, "until": {"difference": 0.08, "minimum": 50}}])";

TEST(RunUntil, TheUnprunedModelIsAskedEverythingAndTheVariantUntilItIsKnown) {
  UntilBench bench(letters_sweep(kUntil));
  EXPECT_EQ(bench.run().ran, 2u) << bench.log.trials.back().end->reason;
  ASSERT_EQ(bench.log.trials.size(), 2u);
  EXPECT_EQ(bench.log.trials[0].answers.size(), 3000u);
  const auto& variant = bench.log.trials[1];
  EXPECT_LT(variant.answers.size(), 1500u);
  EXPECT_GE(variant.answers.size(), 50u);
  const TrialEnd& end = *variant.end;
  EXPECT_EQ(end.metrics.front().count, static_cast<std::int64_t>(variant.answers.size()));
  EXPECT_EQ(test::metric_of(end, "examples_in_task"), 3000);
  EXPECT_LE(test::metric_of(end, "difference_from_unpruned_high") - test::metric_of(end, "difference_from_unpruned_low"), 0.16 + 1e-12);
  EXPECT_THAT(end.reason, HasSubstr(fmt::format("{} of 3000 examples; difference from the unpruned model ", variant.answers.size())));
  EXPECT_THAT(end.reason, HasSubstr("interval for a fixed number, stratified, of all 3000 examples; stopped on its width"));
}

TEST(RunUntil, GoesOnWhereItWasStopped) {
  UntilBench bench(letters_sweep(kUntil));
  int left = 200;  // questions to stop at, once the variant is under way
  bench.controls.should_stop = [&] { return bench.log.trials.size() == 2 && --left < 0; };
  EXPECT_TRUE(bench.run().stopped);
  ASSERT_EQ(bench.log.trials.size(), 2u);
  const std::size_t before = bench.log.trials[1].answers.size();
  EXPECT_GT(before, 0u);
  bench.controls.should_stop = {};
  EXPECT_EQ(bench.run().ran, 1u);
  std::set<std::int64_t> documents;
  for (const RecordedAnswer& answer : bench.log.trials[1].answers) EXPECT_TRUE(documents.insert(answer.example.doc_id).second);
  EXPECT_GT(documents.size(), before);
}

TEST(RunUntil, TheUnprunedModelGoesFirstWhereverItStands) {
  UntilBench bench(
      letters_sweep(kUntil, R"([{"name": "one", "path": "one"}])", R"([{"label": "half", "steps": [{"pruner": "halve"}]}, {"label": "dense", "steps": []}])"));
  EXPECT_EQ(bench.run().ran, 2u);
  EXPECT_EQ(bench.log.trials[0].cell.variant, "dense");
}

TEST(RunUntil, NeedsTheUnprunedModelFirst) {
  UntilBench bench(letters_sweep(kUntil, R"([{"name": "one", "path": "one"}])", R"([{"label": "half", "steps": [{"pruner": "halve"}]}])"));
  EXPECT_EQ(bench.run().failed, 1u);
  EXPECT_THAT(bench.log.trials[0].end->reason,
              HasSubstr("compares with the unpruned model, which has no good result for this task in this store; add the variant"));
}

TEST(RunUntil, ADefaultThatIsWrittenOutIsTheSameCell) {
  const UntilBench bench(letters_sweep(R"([{"task": "letters", "until": {"difference": 0.1}}])")),
      written(letters_sweep(R"([{"task": "letters", "until": {"difference": 0.1, "confidence": 0.95, "stop": "width"}}])"));
  EXPECT_EQ(written.cells.back().key, bench.cells.back().key);
}

TEST(RunUntil, OneUnprunedCellServesTasksWithAndWithoutIt) {
  const UntilBench bench(letters_sweep(R"([{"task": "letters", "limit": 20}, {"task": "letters", "limit": 20, "until": {"difference": 0.1}}])"));
  ASSERT_EQ(bench.cells.size(), 3u);
  EXPECT_FALSE(until_of(bench.cells[0]));
  EXPECT_FALSE(until_of(bench.cells[1]));
  EXPECT_TRUE(until_of(bench.cells[2]));
  EXPECT_EQ(unpruned_key(bench.cells[2]), bench.cells[0].key);
  EXPECT_EQ(unpruned_key(bench.cells[1]), bench.cells[0].key);
}

}  // namespace
}  // namespace winnow
