#include "harness/sweep/shard.h"

#include "harness/sweep/until_examples.h"
#include "tests/support/errors.h"

namespace winnow {
namespace {

std::vector<Cell> grid(std::size_t count) {
  std::vector<Cell> cells(count);
  for (std::size_t i = 0; i < count; ++i) cells[i].key = std::to_string(i);
  return cells;
}

TEST(Shard, EveryCellIsInOneShardAndNeighboursStayTogether) {
  for (const std::size_t cells : {1u, 3u, 8u, 100u}) {
    for (const std::size_t count : {1u, 2u, 7u, 8u}) {
      std::vector<std::string> joined;
      for (std::size_t index = 1; index <= count; ++index) {
        const std::vector<Cell> mine = cells_of_shard(grid(cells), {index, count});
        EXPECT_LE(mine.size(), cells / count + 1);
        for (const Cell& cell : mine) joined.push_back(cell.key);
      }
      ASSERT_EQ(joined.size(), cells);
      for (std::size_t i = 0; i < cells; ++i) EXPECT_EQ(joined[i], std::to_string(i));
    }
  }
}

TEST(Shard, DoesNotPartWhatIsMeasuredTogether) {
  std::vector<Cell> cells = grid(10);
  for (const std::size_t i : {1u, 4u, 9u}) {
    cells[i].identity = {{"task", {{"measures", "engine"}}}};
    cells[i].task_index = 1;
  }
  EXPECT_EQ(cells_of_shard(cells, {1, 5}).size(), 4u);
  EXPECT_EQ(cells_of_shard(cells, {5, 5}).size(), 1u);
}

TEST(Shard, KeepsAVariantWithUntilBesideTheUnprunedModelThatItIsComparedWith) {
  std::vector<Cell> cells = grid(8);
  const auto identity = [](const char* model, const Json& steps, const Json& settings) {
    return Json{{"model", model}, {"steps", steps}, {"task", {{"settings", settings}}}};
  };
  cells[0].identity = identity("a", Json::array(), Json::object());
  cells[5].identity = identity("a", {"half"}, {{"until", {{"difference", 0.1}}}});
  cells[6].identity = identity("b", {"half"}, {{"until", {{"difference", 0.1}}}});  // is compared with nothing of this grid
  cells[0].key = unpruned_key(cells[5]);
  const std::vector<Cell> first = cells_of_shard(cells, {1, 8});
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[1].key, "5");
  EXPECT_TRUE(cells_of_shard(cells, {6, 8}).empty());
  EXPECT_EQ(cells_of_shard(cells, {7, 8}).size(), 1u);
}

TEST(Shard, IsWrittenAsPartOfHowMany) {
  EXPECT_EQ(parse_shard("3/8").index, 3u);
  EXPECT_EQ(parse_shard("8/8").count, 8u);
  for (const char* text : {"", "3", "0/8", "9/8", "3/0", "/", "1/", "/8", "-1/8", "1/8x", "1/99999999999999999999", "1/100001"})
    EXPECT_ERROR_HAS(parse_shard(text), kUsage, "expected I/N with I from 1 to N, such as 3/8");
}

}  // namespace
}  // namespace winnow
