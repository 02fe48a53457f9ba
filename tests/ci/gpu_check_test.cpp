#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow::test {
namespace {

// What the script reads out of benchmarks that printed `json`: the names.
std::string names_read_from(const std::string& json) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.write("out.json", json);
  const std::string code =
      "import importlib.machinery, importlib.util, sys\n"
      "loader = importlib.machinery.SourceFileLoader('gpu_check', sys.argv[1])\n"
      "script = importlib.util.module_from_spec(importlib.util.spec_from_loader('gpu_check', loader))\n"
      "loader.exec_module(script)\n"
      "print([run['name'] for run in script.benchmarks_in(open(sys.argv[2]).read())])";
  return run_program({"python3", "-B", "-c", code, (source_folder() / "ci/gpu_check").string(), file.string()}).output;
}

TEST(GpuCheck, ReadsTheBenchmarksOfARunThatWasEnded) {
  const std::string whole =
      "{\n  \"context\": {\n    \"caches\": [\n    ]\n  },\n  \"benchmarks\": [\n    {\n      \"name\": \"A\"\n    },\n    {\n      \"name\": \"B\"\n    }\n  "
      "]\n}\n";
  EXPECT_EQ(names_read_from(whole), "['A', 'B']\n");
  EXPECT_EQ(names_read_from(whole.substr(0, whole.find("\n  ]\n}"))), "['A', 'B']\n");
  EXPECT_EQ(names_read_from(whole.substr(0, whole.find("\"B\""))), "['A']\n");
  EXPECT_EQ(names_read_from(whole.substr(0, whole.find("    {\n"))), "[]\n");
  EXPECT_EQ(names_read_from(""), "[]\n");
}

}  // namespace
}  // namespace winnow::test
