#include "harness/core/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace winnow {
namespace {

struct Sieve {
  static constexpr const char* kKind = "sieve";
  explicit Sieve(int holes) : holes(holes) {}
  int holes;
};

const Registration<Sieve> kCoarse{{.name = "coarse",
                                   .version = 2,
                                   .summary = "Few holes",
                                   .settings = {{.name = "holes", .types = {SettingType::kInteger}, .default_value = 4, .minimum = 1}},
                                   .make = [](const Params& params) { return std::make_unique<Sieve>(params.get<int>("holes")); }}};
const Registration<Sieve> kFine{
    {.name = "a-fine-sieve-whose-name-is-longer-than-a-short-string", .make = [](const Params&) { return std::make_unique<Sieve>(100); }}};

TEST(Registry, MakesAPluginWithCheckedSettings) {
  const auto& sieves = Registry<Sieve>::instance();
  EXPECT_EQ(sieves.make("coarse")->holes, 4);
  EXPECT_EQ(sieves.make("coarse", {{"holes", 9}})->holes, 9);
  EXPECT_EQ(sieves.find("coarse").version, 2);
  EXPECT_ERROR(sieves.make("coarse", {{"holes", 0}}), kInput, "sieve coarse: setting 'holes' is 0; expected an integer of at least 1");
  EXPECT_ERROR(sieves.make("coarse", {{"hole", 1}}), kInput, "sieve coarse: unknown setting 'hole' (did you mean 'holes'?); it knows: holes");
}

TEST(Registry, KnowsItsNamesInOrder) {
  const auto& sieves = Registry<Sieve>::instance();
  EXPECT_THAT(sieves.names(), ::testing::ElementsAre("a-fine-sieve-whose-name-is-longer-than-a-short-string", "coarse"));
  EXPECT_TRUE(sieves.contains("coarse"));
  EXPECT_FALSE(sieves.contains("Coarse"));
}

TEST(Registry, NamesTheNearestOfAnUnknownName) {
  EXPECT_ERROR(Registry<Sieve>::instance().find("corase"), kInput,
               "there is no sieve 'corase' (did you mean 'coarse'?); there are: a-fine-sieve-whose-name-is-longer-than-a-short-string, coarse");
  EXPECT_ERROR_HAS(Registry<Sieve>::instance().find("\x1b[2J"), kInput, "there is no sieve '\\x1b[2J'; there are: ");
}

TEST(RegistryDeathTest, EndsTheProgramOnTwoPluginsOfOneName) {
  EXPECT_EXIT(Registration<Sieve>{{.name = "coarse"}}, ::testing::ExitedWithCode(kExitBug),
              "winnow: the sieve 'coarse' is defined twice, in .*registry_test.cpp and in .*registry_test.cpp");
}

}  // namespace
}  // namespace winnow
