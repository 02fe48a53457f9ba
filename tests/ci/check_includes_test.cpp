#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow::test {
namespace {

using testing::HasSubstr;

// What ci/check_includes says of a tree with one file of these lines.
ProgramResult check(const std::string& path, const std::string& lines) {
  const TemporaryFolder tree;
  tree.write(path, lines);
  for (const char* room : {"harness/core", "harness/engine", "harness/sweep", "tasks", "results", "pruners"})
    tree.write(std::string(room) + "/README.md", "#\n");
  return run_program({(source_folder() / "ci/check_includes").string(), tree.path().string()});
}

TEST(CheckIncludes, PassesWhatTheRoomTableAllows) {
  const ProgramResult result =
      check("harness/engine/forward.cpp", "#include \"harness/engine/forward.h\"\n\n#include <ATen/ATen.h>\n#include \"harness/core/error.h\"\n");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
}

TEST(CheckIncludes, PassesSharedPartsOfPlugIns) { EXPECT_EQ(check("tasks/gsm8k.cpp", "#include \"tasks/shared/filters.h\"\n").exit_code, 0); }

struct Fault {
  const char* path;
  const char* line;
  const char* said;
};
class CheckIncludesRefuses : public testing::TestWithParam<Fault> {};

TEST_P(CheckIncludesRefuses, NamingFileAndLine) {
  const auto& [path, line, said] = GetParam();
  const ProgramResult result = check(path, std::string("#pragma once\n") + line + "\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr(std::string(path) + ":2: ")) << line;
  EXPECT_THAT(result.errors, HasSubstr(said)) << line;
}

INSTANTIATE_TEST_SUITE_P(
    Faults, CheckIncludesRefuses,
    testing::Values(Fault{"harness/core/error.cpp", "#include \"harness/model/config.h\"", "room core must not include harness/model/config.h"},
                    Fault{"harness/engine/forward.cpp", "#include \"harness/app/trace.h\"", "room engine must not include"},
                    Fault{"harness/sweep/expand.cpp", "#include \"harness/engine/model.h\"", "room sweep must not include"},
                    Fault{"tasks/gsm8k.cpp", "#include \"datasets/gsm8k.h\"", "room tasks must not include"},
                    Fault{"tasks/gsm8k.cpp", "#include \"tasks/mmlu.h\"", "siblings"}, Fault{"pruners/wanda.cpp", "#include \"pruners/owl.h\"", "siblings"},
                    Fault{"results/store.cpp", "#include <ATen/core/Tensor.h>", "built without torch"},
                    Fault{"harness/engine/forward.cpp", "#include <torch/torch.h>", "<ATen/ATen.h>"},
                    Fault{"harness/core/text.cpp", "#include <regex>", "PCRE2"}, Fault{"harness/core/text.cpp", "using namespace std;", "using namespace"}));

TEST(CheckIncludes, AsksEveryRoomForItsReadme) {
  const TemporaryFolder tree;
  tree.write("harness/core/error.h", "#pragma once\n");
  const ProgramResult result = run_program({(source_folder() / "ci/check_includes").string(), tree.path().string()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("room core has no README.md"));
}

}  // namespace
}  // namespace winnow::test
