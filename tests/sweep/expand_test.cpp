#include "harness/core/digest.h"
#include "harness/sweep/run_sweep.h"
#include "tests/support/errors.h"
#include "tests/support/sweep_fakes.h"

namespace winnow {
namespace {

using test::letters_sweep;

std::vector<Cell> cells_of(const std::string& text, test::FakeOpener opener = {}, test::FakeDatasets datasets = {}) {
  return expand(parse_sweep(text, "s.json", "/sweeps", test::fake_pruners()), opener, datasets);
}

std::string key_of(const std::string& text, test::FakeOpener opener = {}, test::FakeDatasets datasets = {}) {
  return cells_of(text, opener, datasets).back().key;
}

const std::string kTasks = R"([{"task": "letters"}])";
const std::string kModels = R"([{"name": "one", "path": "one"}])";
const std::string kHalf = R"([{"label": "half", "steps": [{"pruner": "halve"}]}])";

TEST(Expand, MakesEveryCombinationModelByModel) {
  const std::vector<Cell> cells = cells_of(letters_sweep(R"([{"task": "letters"}, {"task": "letters", "limit": 3, "word": "a b"}])",
                                                         R"([{"name": "one", "path": "one"}, {"name": "two", "path": "two"}])"));
  ASSERT_EQ(cells.size(), 8u);
  EXPECT_EQ(cells[3].model, "one");
  EXPECT_EQ(cells[3].variant, "half");
  EXPECT_EQ(cells[2].task_label, "letters limit=10");
  EXPECT_EQ(cells[3].task_label, "letters limit=3 word=a b");
  EXPECT_EQ(cells[4].model_index, 1u);
}

TEST(Expand, RefusesAProductThatNobodyCouldRun) {
  Sweep sweep = parse_sweep(letters_sweep(), "s.json", "/sweeps", test::fake_pruners());
  sweep.models.resize(1001, sweep.models.front());
  sweep.variants.resize(1000, sweep.variants.front());
  test::FakeOpener opener;
  test::FakeDatasets datasets;
  EXPECT_ERROR(expand(sweep, opener, datasets), kInput,
               "the sweep has 1001 models × 1000 variants × 1 tasks, 1001000 cells; at most 1000000 are run, so make several sweeps of it");
}

TEST(Expand, PairsRecordedOutputsWithTheEmptyVariantOnly) {
  const std::vector<Cell> cells = cells_of(letters_sweep(kTasks, R"([{"name": "theirs", "recorded": "r.jsonl"}])"));
  ASSERT_EQ(cells.size(), 1u);
  EXPECT_EQ(cells[0].variant, "dense");
  EXPECT_EQ(cells[0].identity["model"], (Json{{"recorded_sha256", "recording"}}));
}

TEST(Expand, AModelThatReadsNoTextIsMeasuredAndNotAsked) {
  test::FakeOpener opener;
  opener.tokenizer_fault = input_error("one/ has no tokenizer.model");
  EXPECT_ERROR(cells_of(letters_sweep(kTasks, kModels), opener), kInput, "model 'one': one/ has no tokenizer.model");
}

TEST(Expand, TheKeyIsTheDigestOfTheDocumentedIdentity) {
  const std::vector<Cell> cells = cells_of(letters_sweep(kTasks, R"([{"name": "one", "path": "one", "dtype": "f32"}])", kHalf));
  const std::string identity =
      R"({"model":{"content_sha256":"weightsone","device":"cpu","dtype":"f32","engine":"7","tokenizer_sha256":"tokens"},)"
      R"("steps":[{"calibration_sha256":null,"pruner":"halve","settings":{"seed":1},"version":2}],)"
      R"("task":{"data":[{"dataset":"alphabet","edition":"upstream","sha256":"d1","split":"test","subset":""}],"settings":{"limit":10},"task":"letters","version":3}})";
  EXPECT_EQ(canonical_json(cells[0].identity), identity);
  EXPECT_EQ(cells[0].key, sha256_hex(identity));
}

TEST(Expand, TheKeyLeavesOutLabelsThreadsAndTokenBudget) {
  const std::string key = key_of(letters_sweep(kTasks, kModels, kHalf));
  EXPECT_EQ(key, key_of(letters_sweep(kTasks, kModels, R"([{"label": "other", "steps": [{"pruner": "halve", "seed": 1}]}])")));
  EXPECT_EQ(key, key_of("{\"threads\": 3, \"token_budget\": 77, " + letters_sweep(R"([{"task": "letters", "limit": 10}])", kModels, kHalf).substr(1)));
}

TEST(Expand, TheKeyHoldsWhatDecidesResults) {
  std::set<std::string> keys = {key_of(letters_sweep(kTasks, kModels, kHalf))};
  keys.insert(key_of(letters_sweep(kTasks, kModels, R"([{"label": "half", "steps": [{"pruner": "halve", "seed": 2}]}])")));
  keys.insert(key_of(letters_sweep(kTasks, kModels, R"([{"label": "half", "steps": [{"pruner": "halve"}, {"pruner": "halve"}]}])")));
  keys.insert(key_of(letters_sweep(R"([{"task": "letters", "limit": 9}])", kModels, kHalf)));
  keys.insert(key_of(letters_sweep(kTasks, R"([{"name": "one", "path": "one", "dtype": "f32"}])", kHalf)));
  keys.insert(key_of("{\"device\": \"cuda\", " + letters_sweep(kTasks, kModels, kHalf).substr(1)));
  for (const char* experts : {"bitmap", "streamed"})
    keys.insert(key_of("{\"device\": \"cuda\", " +
                       letters_sweep(kTasks, fmt::format(R"([{{"name": "one", "path": "one", "experts": "{}"}}])", experts), kHalf).substr(1)));
  test::FakeOpener other_weights;
  other_weights.content = "others";
  keys.insert(key_of(letters_sweep(kTasks, kModels, kHalf), other_weights));
  test::FakeDatasets other_data;
  other_data.sha256 = "d2";
  keys.insert(key_of(letters_sweep(kTasks, kModels, kHalf), {}, other_data));
  EXPECT_EQ(keys.size(), 10u);
}

TEST(Expand, RefusesTwoModelsThatAreOne) {
  EXPECT_ERROR(cells_of(letters_sweep(kTasks, R"([{"name": "a", "recorded": "r"}, {"name": "b", "recorded": "s"}])")), kInput,
               "models 'a' and 'b' hold the same in the same dtype, so their results are one; leave one of them out");
}

TEST(CheckVariants, NamesThePairThatCannotWorkAndLetsUnsupportedPass) {
  const Sweep sweep = parse_sweep(letters_sweep(), "s.json", "/sweeps", test::fake_pruners());
  test::FakeOpener opener;
  opener.wrong = "2 experts cannot serve top-4";
  test::FakeDatasets datasets;
  const std::vector<Cell> cells = expand(sweep, opener, datasets);
  EXPECT_ERROR(check_variants(sweep, cells, opener), kInput, "model 'one', variant 'half': 2 experts cannot serve top-4");
  opener = {};
  opener.unsupported = "not yet";
  check_variants(sweep, cells, opener);
}

TEST(CheckVariants, LeavesAloneWhatNoCellIsOf) {
  const Sweep sweep = parse_sweep("{\"exclude\": [{\"variant\": \"half\"}], " + letters_sweep().substr(1), "s.json", "/sweeps", test::fake_pruners());
  test::FakeOpener opener;
  opener.wrong = "2 experts cannot serve top-4";
  test::FakeDatasets datasets;
  check_variants(sweep, expand(sweep, opener, datasets), opener);
}

}  // namespace
}  // namespace winnow
