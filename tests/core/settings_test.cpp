#include "harness/core/settings.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/errors.h"

namespace winnow {
namespace {

const std::vector<Setting> kKnown = {
    {.name = "ratio", .types = {SettingType::kNumber}, .default_value = 0.5, .minimum = 0, .maximum = 1},
    {.name = "seed", .types = {SettingType::kInteger}, .default_value = 1, .minimum = 0},
    {.name = "experts_kept", .types = {SettingType::kInteger}, .required = true, .minimum = 1, .maximum = 1024},
    {.name = "order", .types = {SettingType::kString}, .choices = {"rows", "columns"}},
    {.name = "layers", .types = {SettingType::kIntegerList, SettingType::kString}, .minimum = 0},
    {.name = "weights", .types = {SettingType::kNumberList}},
    {.name = "subjects", .types = {SettingType::kStringList}, .choices = {"anatomy", "virology"}},
    {.name = "full", .types = {SettingType::kBoolean}, .default_value = false},
    {.name = "options", .types = {SettingType::kObject}},
    {.name = "size", .types = {SettingType::kInteger, SettingType::kNumber}, .maximum = 8},
};

Params check(Json given) {
  given.emplace("experts_kept", 6);
  return Params::check("pruner random", kKnown, given);
}

TEST(Params, FillInDefaultsAndLeaveOutWhatHasNone) {
  const Params params = check(Json::object());
  EXPECT_EQ(canonical_json(params.as_json()), R"({"experts_kept":6,"full":false,"ratio":0.5,"seed":1})");
  EXPECT_EQ(params.get<int>("seed"), 1);
  EXPECT_TRUE(params.has("ratio"));
  EXPECT_FALSE(params.has("order"));
  EXPECT_EQ(params.find<std::string>("order"), std::nullopt);
  EXPECT_EQ(params.find<double>("ratio"), 0.5);
}

TEST(Params, AskingForWhatWasNotDeclaredIsABug) {
  EXPECT_THROW(check(Json::object()).get<int>("seeds"), std::logic_error);
  EXPECT_THROW(check(Json::object()).get<std::string>("order"), std::logic_error);
}

TEST(Params, TakeEveryTypeTheyWereDeclaredWith) {
  const Params params =
      check({{"order", "rows"}, {"layers", {0, 3}}, {"weights", {1, 2.5}}, {"subjects", {"virology"}}, {"full", true}, {"options", {{"a", 1}}}, {"size", 2.5}});
  EXPECT_EQ(params.get<std::vector<int>>("layers"), (std::vector<int>{0, 3}));
  EXPECT_EQ(params.get<std::vector<double>>("weights"), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(check({{"layers", "all"}}).get<std::string>("layers"), "all");
  EXPECT_EQ(check({{"layers", Json::array()}}).get<std::vector<int>>("layers").size(), 0u);
}

TEST(Params, WriteOneNumberInOneWay) {
  EXPECT_EQ(canonical_json(check({{"ratio", 1}}).as_json()["ratio"]), "1.0");
  EXPECT_EQ(check({{"ratio", 1}}).as_json(), check({{"ratio", 1.0}}).as_json());
  EXPECT_EQ(canonical_json(check({{"ratio", -0.0}}).as_json()["ratio"]), "0.0");
  EXPECT_EQ(canonical_json(check({{"weights", {1, 2}}}).as_json()["weights"]), "[1.0,2.0]");
  EXPECT_EQ(canonical_json(check({{"size", 3}}).as_json()["size"]), "3");
  EXPECT_EQ(canonical_json(check({{"seed", std::uint64_t{7}}}).as_json()["seed"]), "7");
}

TEST(Params, NameTheNearestSettingOfAnUnknownOne) {
  const std::string list = "; it knows: ratio, seed, experts_kept, order, layers, weights, subjects, full, options, size";
  EXPECT_ERROR(check({{"raito", 1}}), kInput, "pruner random: unknown setting 'raito' (did you mean 'ratio'?)" + list);
  EXPECT_ERROR(check({{"experts-kept", 1}}), kInput, "pruner random: unknown setting 'experts-kept' (did you mean 'experts_kept'?)" + list);
  EXPECT_ERROR(check({{"temperature", 1}}), kInput, "pruner random: unknown setting 'temperature'" + list);
  EXPECT_ERROR(check({{"a\x1b[31m", 1}}), kInput, "pruner random: unknown setting 'a\\x1b[31m'" + list);
  EXPECT_ERROR(Params::check("task x", {}, {{"a", 1}}), kInput, "task x: unknown setting 'a'; it knows: none");
}

TEST(Params, SayWhatWasFoundAndWhatWasExpected) {
  EXPECT_ERROR(check({{"ratio", "half"}}), kInput, "pruner random: setting 'ratio' is \"half\"; expected a number from 0 to 1");
  EXPECT_ERROR(check({{"ratio", 1.5}}), kInput, "pruner random: setting 'ratio' is 1.5; expected a number from 0 to 1");
  EXPECT_ERROR(check({{"ratio", -1e-9}}), kInput, "pruner random: setting 'ratio' is -1e-09; expected a number from 0 to 1");
  EXPECT_ERROR(check({{"seed", 3.0}}), kInput, "pruner random: setting 'seed' is 3.0; expected an integer of at least 0");
  EXPECT_ERROR(check({{"seed", -1}}), kInput, "pruner random: setting 'seed' is -1; expected an integer of at least 0");
  EXPECT_ERROR(check({{"seed", nullptr}}), kInput, "pruner random: setting 'seed' is null; expected an integer of at least 0");
  EXPECT_ERROR(check({{"seed", UINT64_MAX}}), kInput, "pruner random: setting 'seed' is 18446744073709551615; expected an integer of at least 0");
  EXPECT_ERROR(check({{"order", "diagonal"}}), kInput, "pruner random: setting 'order' is \"diagonal\"; expected a string out of: rows, columns");
  EXPECT_ERROR(check({{"layers", {1, -1}}}), kInput, "pruner random: setting 'layers' is [1,-1]; expected a list of integers or a string of at least 0");
  EXPECT_ERROR(check({{"subjects", {"virology", "law"}}}), kInput,
               "pruner random: setting 'subjects' is [\"virology\",\"law\"]; expected a list of strings out of: anatomy, virology");
  EXPECT_ERROR(check({{"full", 1}}), kInput, "pruner random: setting 'full' is 1; expected true or false");
  EXPECT_ERROR(check({{"size", 9}}), kInput, "pruner random: setting 'size' is 9; expected an integer or a number of at most 8");
  EXPECT_ERROR(check({{"options", Json::array()}}), kInput, "pruner random: setting 'options' is []; expected an object");
  EXPECT_ERROR(Params::check("pruner random", kKnown, Json::object()), kInput,
               "pruner random: setting 'experts_kept' is missing; expected an integer from 1 to 1024");
  EXPECT_ERROR(Params::check("pruner random", kKnown, 3), kInput, "pruner random: settings are 3; expected an object");
  EXPECT_LT(test::error_text(ErrorKind::kInput, [] { check({{"ratio", std::string(100'000, 'x')}}); }).size(), 200u);
}

TEST(NearestName, CountsNeighboursChangingPlacesAsOneEdit) {
  const std::vector<std::string> names = {"gsm8k", "mmlu", "wikitext", "arc_easy", "arc_challenge"};
  EXPECT_EQ(nearest_name("gms8k", names), "gsm8k");
  EXPECT_EQ(nearest_name("mlmu", names), "mmlu");
  EXPECT_EQ(nearest_name("wiki_text", names), "wikitext");
  EXPECT_EQ(nearest_name("arc-easy", names), "arc_easy");
  EXPECT_EQ(nearest_name("hellaswag", names), "");
  EXPECT_EQ(nearest_name("", names), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'm'), names), "");
  EXPECT_EQ(nearest_name("mmlu", {}), "");
}

TEST(NearestName, IsNotEveryShortName) {
  const std::vector<std::string> names = {"a", "bc"};
  EXPECT_EQ(nearest_name("x", names), "");
  EXPECT_EQ(nearest_name("bd", names), "bc");
}

RC_GTEST_PROP(Params, CheckedOnceStayTheSame, (const std::vector<double>& weights)) {
  const double ratio = *rc::gen::inRange(0, 1'000'001) / 1e6;
  const auto seed = *rc::gen::nonNegative<std::int64_t>();
  const Params once = check({{"ratio", ratio}, {"seed", seed}, {"weights", weights}});
  RC_ASSERT(Params::check("again", kKnown, once.as_json()).as_json() == once.as_json());
  RC_ASSERT(parse_json(canonical_json(once.as_json()), "f") == once.as_json());
}

RC_GTEST_PROP(NearestName, OfAKnownNameIsItself, ()) {
  const auto word = rc::gen::map(rc::gen::container<std::string>(rc::gen::inRange('a', 'z')), [](std::string text) { return "k" + text; });
  const auto names = *rc::gen::container<std::vector<std::string>>(word);
  for (const std::string& name : names) RC_ASSERT(name.size() > 64 || nearest_name(name, names) == name);
}

}  // namespace
}  // namespace winnow
