#include <gtest/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow::test {
namespace {

TEST(RunProgram, CapturesOutputErrorsAndExitCode) {
  const ProgramResult result = run_program({"sh", "-c", "cat; echo talk >&2; exit 7"}, {.input = "data"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.output, "data");
  EXPECT_EQ(result.errors, "talk\n");
  EXPECT_FALSE(result.timed_out);
}

TEST(RunProgram, PassesMoreThanAPipeHoldsBothWays) {
  const std::string much(3 << 20, 'x');
  EXPECT_EQ(run_program({"cat"}, {.input = much}).output.size(), much.size());
}

TEST(RunProgram, EndsAProgramThatTakesTooLong) {
  const ProgramResult result = run_program({"sleep", "30"}, {.seconds = 0.1});
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.ended_by, SIGKILL);
  EXPECT_LT(result.seconds, 5);
}

TEST(RunProgram, SendsASignalWhenAskedTo) {
  const ProgramResult result = run_program({"sleep", "30"}, {.signal_after = 0.05, .signal = SIGTERM});
  EXPECT_EQ(result.ended_by, SIGTERM);
  EXPECT_FALSE(result.timed_out);
}

TEST(RunProgram, RunsInAFolderWithAnEnvironment) {
  const TemporaryFolder folder;
  const ProgramResult result = run_program({"sh", "-c", "pwd; echo $COLOUR"}, {.environment = {{"COLOUR", "red"}}, .folder = folder.path()});
  EXPECT_EQ(result.output, std::filesystem::canonical(folder.path()).string() + "\nred\n");
}

TEST(TemporaryFolder, IsRemovedWithWhatIsInIt) {
  std::filesystem::path path;
  {
    const TemporaryFolder folder;
    path = folder.write("a/b.txt", "text");
    EXPECT_EQ(read_text(path), "text");
  }
  EXPECT_FALSE(std::filesystem::exists(path.parent_path().parent_path()));
}

TEST(ErrorText, TellsKindsAndOtherExceptionsApart) {
  EXPECT_ERROR(throw input_error("line {}", 3), kInput, "line 3");
  EXPECT_ERROR_HAS(throw usage_error("line 3"), kInput, "of kind usage instead of input");
  EXPECT_ERROR_HAS(throw std::logic_error("bug"), kInput, "another exception than Error: bug");
  EXPECT_ERROR(0, kInput, "(nothing was thrown)");
}

}  // namespace
}  // namespace winnow::test
