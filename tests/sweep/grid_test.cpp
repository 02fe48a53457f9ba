#include "harness/sweep/grid.h"

#include "harness/sweep/run_sweep.h"
#include "tests/support/errors.h"
#include "tests/support/sweep_fakes.h"

namespace winnow {
namespace {

using test::letters_sweep;
using testing::ElementsAre;
using testing::HasSubstr;

Sweep parse(const std::string& more, const std::string& sweep = letters_sweep()) {
  return parse_sweep("{" + more + ",\n" + sweep.substr(1), "s.json", "/sweeps", test::fake_pruners());
}

std::vector<std::string> labels(const Sweep& sweep) {
  std::vector<std::string> labels;
  for (const VariantSpec& variant : sweep.variants) labels.push_back(variant.label);
  return labels;
}

std::vector<std::string> cell_names(const Sweep& sweep) {
  test::FakeOpener opener;
  test::FakeDatasets datasets;
  std::vector<std::string> names;
  for (const Cell& cell : expand(sweep, opener, datasets)) names.push_back(cell.model + "|" + cell.variant + "|" + cell.task_label);
  return names;
}

TEST(Grid, RunsAnEntryOnceForEachValue) {
  const Sweep sweep = parse(R"("grid": {"variants[half].steps[0].seed": [1, 2, 3]})");
  EXPECT_THAT(labels(sweep), ElementsAre("dense", "half seed=1", "half seed=2", "half seed=3"));
  EXPECT_EQ(sweep.variants[3].steps[0].settings["seed"], 3);
}

TEST(Grid, ReachesModelsAndTasksAndLeavesEntriesWithoutThePathAlone) {
  const Sweep sweep = parse(R"("grid": {"models.*.dtype": ["f32", "bf16"], "variants.*.steps[0].seed": [4, 5], "tasks[letters].limit": [2, 3]})");
  EXPECT_THAT(labels(sweep), ElementsAre("dense", "half seed=4", "half seed=5"));
  EXPECT_EQ(sweep.models[0].name, "one dtype=f32");
  EXPECT_EQ(sweep.models[1].dtype, "bf16");
  EXPECT_THAT(cell_names(sweep), testing::SizeIs(12));
  EXPECT_EQ(cell_names(sweep)[0], "one dtype=f32|dense|letters limit=2");
}

TEST(Grid, CombinesThePathsThatLeadToOneEntry) {
  const std::string two_steps = letters_sweep(R"([{"task": "letters"}])", R"([{"name": "one", "path": "one"}])",
                                              R"([{"label": "twice", "steps": [{"pruner": "halve"}, {"pruner": "halve"}]}])");
  EXPECT_THAT(labels(parse(R"("grid": {"variants[0].steps[0].seed": [1, 2], "variants[0].steps[1].seed": [7, 8]})", two_steps)),
              ElementsAre("twice seed=1 seed=7", "twice seed=1 seed=8", "twice seed=2 seed=7", "twice seed=2 seed=8"));
  EXPECT_THAT(labels(parse(R"("grid": {"variants[0].steps[0].seed": [1, 2], "variants[0].steps[1].seed": [7, 8]},
                              "include": [{"variants[0].steps[0].seed": 5, "variants[0].steps[1].seed": 9}])",
                           two_steps)),
              testing::AllOf(testing::SizeIs(5), testing::Contains("twice seed=5 seed=9")));
}

TEST(Grid, ValuesMayBeWholeObjects) {
  const Sweep sweep = parse(R"("grid": {"variants[half].steps": [[{"pruner": "halve", "seed": 2}], [{"pruner": "halve"}, {"pruner": "halve"}]]})");
  EXPECT_EQ(sweep.variants[2].steps.size(), 2u);
  EXPECT_EQ(sweep.variants[2].label, "half steps=#2");
}

TEST(Grid, ExcludesCellsByPatternAndByValue) {
  EXPECT_THAT(cell_names(parse(R"("exclude": [{"variant": "h*", "task": "letters"}])")), ElementsAre("one|dense|letters"));
  EXPECT_THAT(
      cell_names(parse(R"("grid": {"variants[half].steps[0].seed": [1, 2], "tasks.*.limit": [4, 5]},
                                  "exclude": [{"variants[half].steps[0].seed": 2, "tasks.*.limit": 4}, {"variant": "dense", "task": "letters limit=5"}])")),
      ElementsAre("one|dense|letters limit=4", "one|half seed=1|letters limit=4", "one|half seed=1|letters limit=5", "one|half seed=2|letters limit=5"));
}

TEST(Grid, LeavesTheKeysOfItsCellsAsTheyWouldBeWithoutIt) {
  test::FakeOpener opener;
  test::FakeDatasets datasets;
  const std::vector<Cell> by_grid = expand(parse(R"("grid": {"variants[half].steps[0].seed": [1, 2]})"), opener, datasets);
  const std::vector<Cell> plain = expand(parse_sweep(letters_sweep(), "s.json", "/sweeps", test::fake_pruners()), opener, datasets);
  EXPECT_EQ(by_grid[1].key, plain[1].key);
  EXPECT_NE(by_grid[2].key, plain[1].key);
}

TEST(Grid, RefusesWhatMakesNoSense) {
  const auto refuse = [](const std::string& more, const std::string& sentence) { EXPECT_ERROR_HAS(parse(more), kInput, sentence); };
  refuse(R"("grid": [])", "s.json:1:10: grid: expected paths with lists of values, found a list");
  refuse(R"("grid": {"token_budget": [1, 2]})", "s.json:1:11: grid.token_budget: expected a path into models, variants or tasks");
  refuse(R"("grid": {"variants.label": [1]})", "expected a path into models, variants or tasks");
  refuse(R"("grid": {"variants[half].steps[0].seed": 3})", "s.json:1:43: grid.variants[half].steps[0].seed: expected a list of values to try, found a number");
  refuse(R"("grid": {"variants[half].steps[0].seed": []})", "found an empty list");
  refuse(R"("grid": {"variants[half].steps[0].seed": [1, 2, 1]})", "s.json:1:50: grid.variants[half].steps[0].seed[2]: 1 stands in the list twice");
  std::string many = "0";
  for (int i = 1; i <= 10000; ++i) many += fmt::format(", {}", i);
  refuse(R"("grid": {"variants[half].steps[0].seed": [)" + many + "]}", "the list has 10001 values; at most 10000 are tried");
  refuse(R"("grid": {"variants[third].steps[0].seed": [1]})", "s.json:1:11: grid.variants[third].steps[0].seed: nothing in the sweep has that path");
  refuse(R"("grid": {"variants[half].steps[0].seed": [1, 13]})", "13 halves are too unlucky (with seed=13 of the grid)");
  refuse(R"("grid": {"variants[half].steps[0].sead": [1]})", "did you mean 'seed'?");
  refuse(R"("include": {})", "s.json:1:13: include: expected a list of combinations, found an object");
  refuse(R"("include": [{}])", "include[0]: expected an object of paths and values");
  refuse(R"("include": [{"variants[half].steps[0].seed": 2, "tasks[0].limit": 3}])", "a combination is of one list");
  refuse(R"("exclude": {})", "exclude: expected a list of patterns, found an object");
  refuse(R"("exclude": [{}])", "exclude[0]: expected an object such as");
  refuse(R"("exclude": [{"varient": "half"}])", "s.json:1:15: exclude[0].varient: an exclusion does not know 'varient' (did you mean 'variant'?)");
  refuse(R"("exclude": [{"model": 3}])", "exclude[0].model: expected a name or a pattern");
}

TEST(Grid, RefusesExclusionsThatMatchNothingOrEverything) {
  EXPECT_ERROR_HAS(cell_names(parse(R"("exclude": [{"variant": "third"}])")), kInput,
                   "s.json:1:14: exclude[0]: it matches no cell of the sweep: no variant is named 'third'; take it out");
  EXPECT_ERROR_HAS(cell_names(parse(R"("exclude": [{"model": "*"}])")), kInput,
                   "s.json:1:14: exclude[0]: nothing is left of the sweep, so there is nothing to run");
}

TEST(Grid, IsBounded) {
  std::string values = "0";
  for (int i = 1; i < 200; ++i) values += "," + std::to_string(i);
  const std::string grid = fmt::format(R"("grid": {{"variants[half].steps[0].seed": [{}], "variants[half].total_sparsity": [{}]}})", values, values);
  EXPECT_ERROR_HAS(parse(grid), kInput, "the grid makes more than 10000 entries of \"variants\"");
}

}  // namespace
}  // namespace winnow
