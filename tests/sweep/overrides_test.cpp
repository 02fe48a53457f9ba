#include "harness/sweep/overrides.h"

#include "tests/support/errors.h"

namespace winnow {
namespace {

Json set(const std::string& json, const std::string& what) {
  Json sweep = Json::parse(json);
  apply_override(sweep, what);
  return sweep;
}

TEST(Overrides, SetsAMemberOfAnItem) {
  EXPECT_EQ(set(R"({"models": [{"dtype": "f32"}, {}]})", "models[0].dtype=bf16").dump(), R"({"models":[{"dtype":"bf16"},{}]})");
}
TEST(Overrides, MayAddTheLastName) { EXPECT_EQ(set(R"({"tasks": [{}]})", "tasks[0].limit=5").dump(), R"({"tasks":[{"limit":5}]})"); }
TEST(Overrides, ReadsJsonValuesAndTakesTheRestAsText) {
  EXPECT_EQ(set("{}", "a=[1,2]").dump(), R"({"a":[1,2]})");
  EXPECT_EQ(set("{}", "a=1,2").dump(), R"({"a":"1,2"})");
  EXPECT_EQ(set("{}", "a=\"5\"").dump(), R"({"a":"5"})");
  EXPECT_EQ(set("{}", "a==b").dump(), R"({"a":"=b"})");
}
TEST(Overrides, AStarMeansAllThatHaveTheRestOfThePath) {
  const std::string sweep = R"({"variants": [{"steps": []}, {"steps": [{"seed": 1}]}, {"steps": [{"seed": 1}, {"seed": 1}]}]})";
  EXPECT_EQ(set(sweep, "variants.*.steps[0].seed=2").dump(), R"({"variants":[{"steps":[]},{"steps":[{"seed":2}]},{"steps":[{"seed":2},{"seed":1}]}]})");
  EXPECT_EQ(set(sweep, "variants[*].steps.*.seed=2").dump(), R"({"variants":[{"steps":[]},{"steps":[{"seed":2}]},{"steps":[{"seed":2},{"seed":2}]}]})");
}
TEST(Overrides, ANameInBracketsMeansTheItemsThatHaveIt) {
  const std::string sweep = R"({"variants": [{"label": "a"}, {"label": "b", "steps": [{"pruner": "stun"}, {"pruner": "owl"}]}], "tasks": [{"task": "mmlu"}]})";
  EXPECT_EQ(set(sweep, "variants[b].steps[owl].ratio=0.5")["variants"][1]["steps"].dump(), R"([{"pruner":"stun"},{"pruner":"owl","ratio":0.5}])");
  EXPECT_EQ(set(sweep, "tasks[mmlu].shots=5")["tasks"].dump(), R"([{"shots":5,"task":"mmlu"}])");
  EXPECT_ERROR_HAS(set(sweep, "variants[c].label=d"), kUsage, "nothing in the sweep file has that path");
}
TEST(Overrides, RefusesAPathThatLeadsNowhere) {
  EXPECT_ERROR(set(R"({"models": [{}]})", "models[1].dtype=f32"), kUsage, "--set models[1].dtype=f32: nothing in the sweep file has that path");
  EXPECT_ERROR_HAS(set("{}", "a.b=1"), kUsage, "nothing in the sweep file has that path");
}
TEST(Overrides, RefusesWhatIsNoPath) {
  for (const char* typed : {"", "=1", "threads", "a..b=1", "a[=1", "a[]=1", "a[0]b=1", "[0]=1", "a.=1", "a[99999999999999999999]=1"}) {
    EXPECT_ERROR_HAS(set(R"({"a": [1]})", typed), kUsage, "expected PATH=VALUE such as models[0].dtype=bf16");
  }
}

}  // namespace
}  // namespace winnow
