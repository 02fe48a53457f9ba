#include "harness/app/trace.h"

#include <gtest/gtest.h>

#include "tests/engine/golden_models.h"
#include "tests/support/errors.h"

namespace winnow {
namespace {

TEST(Trace, WritesWhatItComputedUnderTheSameNames) {
  const Model model = load_golden("mixtral_tied_top1", at::kFloat);
  const Tensors trace = trace_model(model, {{1, 2, 3}, {4}}, 2);
  const test::TemporaryFolder folder;
  write_tensors(folder / "trace.safetensors", trace);
  const Tensors read = read_tensors(folder / "trace.safetensors");
  ASSERT_EQ(read.size(), trace.size());
  for (const auto& [name, tensor] : trace) EXPECT_TRUE(read.at(name).equal(tensor)) << name;
}

TEST(Trace, GeneratesOnlyWhenAsked) { EXPECT_FALSE(trace_model(load_golden("llama", at::kFloat), {{1, 2}}, 0).contains("prompt.0.generated")); }

TEST(Trace, RefusesWhatIsNotAListOfListsOfIds) {
  ModelConfig config;
  config.vocabulary = 10;
  EXPECT_ERROR(parse_token_lists(Json::parse("{}"), "ids.json", config), kInput, "ids.json: expected a list of lists of token ids, such as [[1, 2, 3], [4]]");
  EXPECT_ERROR(parse_token_lists(Json::parse("[[1], []]"), "ids.json", config), kInput, "ids.json: prompt 1 is not a list of at least one token id");
  EXPECT_ERROR(parse_token_lists(Json::parse("[[1], [10]]"), "ids.json", config), kInput,
               "ids.json: prompt 1 holds 10 where a token id from 0 to 9 was expected");
  EXPECT_ERROR(parse_token_lists(Json::parse("[[1.5]]"), "ids.json", config), kInput, "ids.json: prompt 0 holds 1.5 where a token id from 0 to 9 was expected");
}

}  // namespace
}  // namespace winnow
