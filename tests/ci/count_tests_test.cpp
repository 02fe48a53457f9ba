#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

// Two programs as GoogleTest and CTest record them; `b_test` leaves no file of its own unless a test writes one.
class CountTests : public testing::Test {
 protected:
  void record(const std::string& status_of_b) {
    folder_.write("a_test.xml",
                  "<testsuites><testsuite name=\"A\"><testcase name=\"Passes\" status=\"run\" classname=\"A\"/>"
                  "<testcase name=\"Skips\" status=\"run\" classname=\"A\"><skipped message=\"a.cpp:3&#x0A;no GPU\">a.cpp:3\nno GPU</skipped></testcase>"
                  "<testcase name=\"DISABLED_Rests\" status=\"notrun\" classname=\"A\"/></testsuite></testsuites>");
    folder_.write("ctest.xml", "<testsuite><testcase name=\"a_test\" status=\"run\"/><testcase name=\"b_test\" status=\"" + status_of_b +
                                   "\"><system-out>terminated</system-out></testcase></testsuite>");
  }
  ProgramResult count() const { return run_program({(source_folder() / "ci/count_tests").string(), folder_.path().string()}); }

  TemporaryFolder folder_;
};

TEST_F(CountTests, AddsUpCasesAndSaysWhyTheyWereSkipped) {
  record("run");
  folder_.write("b_test.xml", "<testsuites><testsuite name=\"B\"><testcase name=\"Passes\" status=\"run\" classname=\"B\"/></testsuite></testsuites>");
  const ProgramResult result = count();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, "skipped 1: no GPU\n2 passed, 0 failed, 1 skipped\n");
}

TEST_F(CountTests, NamesAFailedCase) {
  record("fail");
  folder_.write("b_test.xml",
                "<testsuites><testsuite name=\"B\"><testcase name=\"Adds\" status=\"run\" classname=\"B\"><failure message=\"\">1 is not "
                "2</failure></testcase></testsuite></testsuites>");
  const ProgramResult result = count();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("FAILED b_test: B.Adds\n1 is not 2\n"));
  EXPECT_THAT(result.output, EndsWith("\n1 passed, 1 failed, 1 skipped\n"));
}

TEST_F(CountTests, CountsAProgramThatDiedAsOneFailure) {
  for (const char* status : {"fail", "notrun"}) {
    record(status);
    const ProgramResult result = count();
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.output, HasSubstr("FAILED b_test: (the program itself)\nterminated"));
    EXPECT_THAT(result.output, EndsWith("\n1 passed, 1 failed, 1 skipped\n"));
  }
}

TEST_F(CountTests, FailsWhenNothingRan) {
  const ProgramResult result = count();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, EndsWith("\n0 passed, 1 failed, 0 skipped\n"));
}

}  // namespace
}  // namespace winnow::test
