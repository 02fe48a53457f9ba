// The committed files are what the generator writes, to the byte.
#include "harness/demo/generate.h"

#include <filesystem>
#include <set>

#include "datasets/shared/demo_digests.h"
#include "harness/core/digest.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

namespace winnow::test {
namespace {

const std::filesystem::path kDataFolder = source_folder() / "datasets";

const std::map<std::string, std::string>& generated() {
  static const auto files = demo::generate_datasets();
  return files;
}

TEST(Generate, WritesTheCommittedFilesAndNoOthers) {
  std::set<std::string> paths;
  for (const auto& [path, bytes] : generated()) {
    paths.insert(path);
    EXPECT_TRUE(read_text(kDataFolder / path) == bytes) << path;
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kDataFolder / "demo")) {
    const std::string path = std::filesystem::relative(entry.path(), kDataFolder).string();
    if (entry.is_regular_file() && entry.path().filename() != "README.md") EXPECT_TRUE(paths.contains(path)) << path;
  }
}

TEST(Generate, DigestsAreThoseOfTheDataSets) {
  ASSERT_EQ(generated().size(), demo_digests().size());
  for (const auto& [path, bytes] : generated()) EXPECT_EQ(sha256_hex(bytes), demo_digests().at(path)) << path;
}

TEST(Generate, StaysSmall) {
  std::size_t total = 0;
  for (const auto& [path, bytes] : generated()) total += bytes.size();
  EXPECT_LT(total, 20'000'000u);  // every clone carries them
}

TEST(Generate, TrainsTheCommittedTokenizer) {
  const auto files = demo::generate_tokenizer();
  EXPECT_TRUE(files.contains("tokenizer.model"));
  for (const auto& [name, bytes] : files) EXPECT_TRUE(read_text(source_folder() / "harness" / "demo" / "model" / name) == bytes) << name;
}

TEST(Generate, CommandWritesAFolderThatItsCheckAcceptsUntilAByteChanges) {
  const TemporaryFolder folder;
  const std::string out = folder.path().string();
  ProgramResult run = run_winnow({"demo", "generate", "--out", out});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(read_text(folder.path() / "demo" / "gsm8k" / "test.jsonl"), generated().at("demo/gsm8k/test.jsonl"));
  run = run_winnow({"demo", "generate", "--out", out, "--check"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(run.output, fmt::format("{0} of {0} files are as the generator writes them\n", generated().size()));
  folder.write("demo/text/test.jsonl", "{\"text\": \"another\"}\n");
  std::filesystem::remove(folder.path() / "demo" / "gsm8k" / "test.jsonl");
  run = run_winnow({"demo", "generate", "--out", out, "--check"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.errors, testing::AllOf(testing::HasSubstr("demo/text/test.jsonl: other bytes"), testing::HasSubstr("demo/gsm8k/test.jsonl: missing")));
}

TEST(Generate, CommandNeedsAFolderThatCanBeWritten) {
  const TemporaryFolder folder;
  folder.write("file", "x");
  EXPECT_EQ(run_winnow({"demo", "generate"}).exit_code, 2);
  const ProgramResult run = run_winnow({"demo", "generate", "--out", (folder.path() / "file").string()});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.errors, testing::HasSubstr((folder.path() / "file").string()));
}

}  // namespace
}  // namespace winnow::test
