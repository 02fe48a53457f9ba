#include "harness/sweep/json_positions.h"

#include <gtest/gtest.h>

#include "harness/core/json.h"

namespace winnow {
namespace {

std::string at(const std::optional<TextPlace>& place) { return place ? std::to_string(place->line) + ":" + std::to_string(place->column) : "nowhere"; }

TEST(JsonPositions, FindsKeysAndValues) {
  const JsonPositions positions("{\"a\": 1,\n \"list\": [true, {\"b\": \"x\"}]}");
  EXPECT_EQ(at(positions.of_value("")), "1:1");
  EXPECT_EQ(at(positions.of_key("a")), "1:2");
  EXPECT_EQ(at(positions.of_value("a")), "1:7");
  EXPECT_EQ(at(positions.of_value("list[0]")), "2:11");
  EXPECT_EQ(at(positions.of_key("list[1].b")), "2:18");
  EXPECT_EQ(at(positions.of_value("list[1].b")), "2:23");
  EXPECT_EQ(at(positions.of_value("list[2]")), "nowhere");
}

TEST(JsonPositions, PassesOverCommentsAndStringsThatLookLikeStructure) {
  const JsonPositions positions("// {\"no\": 1}\n{ /* \"a\": [ */ \"q\\\"]}\": \"//,{\", // end\n\"z\":-1.5e3/**/}");
  EXPECT_EQ(at(positions.of_value("q\"]}")), "2:25");
  EXPECT_EQ(at(positions.of_value("z")), "3:5");
}

TEST(JsonPositions, CommentsEndWhereTheParserEndsThem) {
  const std::string text("{ // one\r\"a\": 1, // two\0\"b\": 2} // three", 40);
  EXPECT_EQ(Json::parse(text, nullptr, true, /*ignore_comments=*/true).size(), 2u);
  const JsonPositions positions(text);
  EXPECT_EQ(at(positions.of_key("a")), "1:10");
  EXPECT_EQ(at(positions.of_key("b")), "1:25");
}

TEST(JsonPositions, CountsColumnsInCodePoints) {
  const JsonPositions positions("{\"größe\": [], \"b\": 2}");
  EXPECT_EQ(at(positions.of_key("b")), "1:15");
}

}  // namespace
}  // namespace winnow
