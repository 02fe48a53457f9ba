#include "harness/sweep/grid_difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/core/digest.h"

namespace winnow {
namespace {

using testing::ElementsAre;

Cell cell(const std::string& variant, const Json& identity) {
  return {
      .key = sha256_hex(canonical_json(identity) + variant), .identity = identity, .model = "m", .variant = variant, .task = "gsm8k", .task_label = "gsm8k"};
}

TEST(GridDifference, SaysWhatIsNewGoneAndChangedAndHow) {
  const std::vector<Cell> before = {cell("dense", {{"task", {{"shots", 5}}}}), cell("half", {{"steps", {1, 2}}}), cell("gone", {})};
  const std::vector<Cell> now = {cell("dense", {{"task", {{"shots", 5}}}}), cell("half", {{"steps", {1, 3}}}), cell("new", {})};
  const GridDifference difference = grid_difference(before, now);
  EXPECT_THAT(difference.lines, ElementsAre("~ m · half · gsm8k: steps[1] 2 → 3", "+ m · new · gsm8k", "- m · gone · gsm8k"));
  EXPECT_EQ(difference.same, 1u);
  EXPECT_EQ(difference.added, 1u);
  EXPECT_EQ(difference.changed, 1u);
  EXPECT_EQ(difference.gone, 1u);
}

TEST(GridDifference, NamesTheFirstChangesAndCountsTheRest) {
  const std::vector<Cell> before = {cell("v", {{"a", 1}, {"b", 1}, {"c", 1}, {"d", {{"e", "x"}}}})},
                          now = {cell("v", {{"a", 2}, {"b", 2}, {"d", {{"e", "y"}}}})};
  EXPECT_THAT(grid_difference(before, now).lines, ElementsAre("~ m · v · gsm8k: a 1 → 2, b 1 → 2, c 1 → (none) and 1 more"));
}

TEST(GridDifference, IsEmptyWhereOnlyOrderOrLabelsDiffer) {
  Cell renamed = cell("b", {{"b", 1}});
  const std::vector<Cell> before = {cell("a", {{"a", 1}}), renamed};
  renamed.variant = "other";
  const std::vector<Cell> now = {renamed, before[0]};
  EXPECT_TRUE(grid_difference(before, now).empty());
}

}  // namespace
}  // namespace winnow
