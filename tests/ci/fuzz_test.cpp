#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow::test {
namespace {

using testing::HasSubstr;

ProgramResult fuzz(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{(source_folder() / "ci/fuzz").string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_program(command);
}

TEST(Fuzz, RefusesWhatItDoesNotKnowBeforeItBuilds) {
  EXPECT_EQ(fuzz({}).exit_code, 2);
  EXPECT_THAT(fuzz({"soon"}).errors, HasSubstr("ci/fuzz: expected the seconds for each target, at least 1, found 'soon'"));
  EXPECT_THAT(fuzz({"0"}).errors, HasSubstr("at least 1, found '0'")) << "to libFuzzer no limit";
  const ProgramResult unknown = fuzz({"5", "no_such"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_EQ(unknown.errors, "ci/fuzz: there is no target 'no_such'; there are the tests/fuzz/*_fuzz.cpp\n");
  EXPECT_THAT(fuzz({"5", "--results", "/no/such/folder"}).errors, HasSubstr("ci/fuzz: --results needs a folder"));
}

TEST(Fuzz, EveryTargetHasSeedsAndAllInputsTogetherAreSmall) {
  const std::filesystem::path folder = source_folder() / "tests/fuzz";
  std::size_t targets = 0;
  std::uintmax_t bytes = 0;
  for (const auto& source : std::filesystem::directory_iterator(folder)) {
    const std::string name = source.path().filename().string();
    if (!name.ends_with("_fuzz.cpp")) continue;
    ++targets;
    std::size_t seeds = 0;
    for (const auto& input : std::filesystem::directory_iterator(folder / "corpus" / name.substr(0, name.size() - 9))) {
      seeds += input.path().filename().string().starts_with("seed-");
      bytes += input.file_size();
    }
    EXPECT_GE(seeds, 2u) << name;
  }
  EXPECT_GE(targets, 10u);
  EXPECT_LT(bytes, 1'000'000u);
}

}  // namespace
}  // namespace winnow::test
