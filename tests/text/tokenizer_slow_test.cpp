#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/json.h"
#include "harness/text/tokenizer.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

std::unique_ptr<Tokenizer> open_with_bos(const test::TemporaryFolder& folder, const std::filesystem::path& model) {
  folder.write("tokenizer.model", test::read_text(model));
  folder.write("tokenizer_config.json", R"({"add_bos_token": true})");
  return Tokenizer::open(folder.path(), 32000);
}

Json recorded(const char* key) { return Json::parse(test::read_text(test::fixture("tokenizer/whole_texts.json"))).at(key); }

TEST(TokenizerOverRealTexts, GivesTheIdsOfTheCalibrationDocuments) {
  const auto data = test::real_data_folder();
  if (!data) GTEST_SKIP() << test::kNoRealData;
  const test::TemporaryFolder folder;
  const Json documents = recorded("documents");
  for (const auto& [name, model] : {std::pair{"mixtral_v1", "lm_eval/tiny_mixtral/tokenizer.model"}, std::pair{"spm_1k", "tokenizer/unigram_1k.model"}}) {
    const auto tokenizer = open_with_bos(folder, test::fixture(model));
    for (const auto& [file, by_tokenizer] : documents.items()) {
      std::ifstream lines(*data / "c4" / (file + ".jsonl"));
      Sha256 digest;
      std::int64_t tokens = 0;
      for (std::string line; std::getline(lines, line);) {
        const auto ids = tokenizer->encode(Json::parse(line).at("text").get<std::string>(), Tokenizer::Special::kAdd);
        digest.update((tokens > 0 ? "\n" : "") + fmt::format("{}", fmt::join(ids, ",")));
        tokens += static_cast<std::int64_t>(ids.size());
      }
      EXPECT_EQ(tokens, by_tokenizer.at(name).at("tokens").get<std::int64_t>()) << name << " " << file;
      EXPECT_EQ(digest.hex(), by_tokenizer.at(name).at("all_ids_sha256").get<std::string>()) << name << " " << file;
    }
  }
}

// Rows of the test set joined by a blank line: a blank row is empty, the others keep their newline.
std::string joined_rows(const std::filesystem::path& path) {
  std::ifstream lines(path);
  std::string text;
  bool is_first = true;
  for (std::string line; std::getline(lines, line); is_first = false) {
    if (!is_first) text += "\n\n";
    if (line.find_first_not_of(" \t") != std::string::npos) text += line + "\n";
  }
  return text;
}

TEST(TokenizerOverRealTexts, EncodesAWholeTestSetInOneCallWithinSeconds) {
  const auto data = test::real_data_folder();
  if (!data) GTEST_SKIP() << test::kNoRealData;
  const Json stream = recorded("wikitext2_test");
  const std::string text = joined_rows(*data / "wikitext2" / "wiki.test.raw");
  ASSERT_EQ(sha256_hex(text), stream.at("text_sha256").get<std::string>());
  const auto tokenizer = Tokenizer::open(test::fixture("lm_eval/tiny_mixtral"), 32000);
  const auto start = std::chrono::steady_clock::now();
  const auto ids = tokenizer->encode(text, Tokenizer::Special::kAdd);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(static_cast<std::int64_t>(ids.size()), stream.at("tokens").get<std::int64_t>());
  EXPECT_EQ(sha256_hex(fmt::format("{}", fmt::join(ids, ","))), stream.at("ids_sha256").get<std::string>());
  EXPECT_LT(seconds, 10);
  RecordProperty("seconds", std::to_string(seconds));
}

}  // namespace
}  // namespace winnow
