#include "tasks/shared/few_shot.h"

#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow::test {
namespace {

std::vector<OrderedJson> numbered(std::size_t count) {
  std::vector<OrderedJson> rows;
  for (std::size_t i = 0; i < count; ++i) rows.push_back({{"n", i}});
  return rows;
}

// Rows of the pool as CPython draws them for three documents after one another.
TEST(FewShot, DrawsAsPythonDoesDocumentAfterDocument) {
  const Json functions = read_json_file(fixture("lm_eval/functions.json"));
  ASSERT_EQ(functions.at("random_sample").size(), 112u);
  for (const Json& row : functions.at("random_sample")) {
    const std::vector<OrderedJson> pool = numbered(row.at("n"));
    const auto draws = draw_shots({&pool, "pool"}, {}, 3, row.at("k"), row.at("seed"));
    EXPECT_EQ(Json(draws), row.at("three_draws")) << row.at("n") << " " << row.at("k");
  }
}

TEST(FewShot, DrawsGsm8ksRecordedRowsFromTheWholeTrainSplit) {
  const Json golden = read_json_file(fixture("lm_eval/gsm8k_whole_train_prompts.json"));
  const std::vector<OrderedJson> pool = numbered(golden.at("train_rows"));
  for (const Json& run : golden.at("runs")) {
    const auto draws = draw_shots({&pool, "gsm8k train"}, {}, run.at("docs"), run.at("num_fewshot"), run.at("fewshot_random_seed"));
    for (const Json& document : run.at("first")) EXPECT_EQ(Json(draws.at(document.at("doc_id"))), document.at("shots"));
  }
}

TEST(FewShot, DrawsOfADocumentDoNotDependOnHowManyFollow) {
  const std::vector<OrderedJson> pool = numbered(50);
  const auto few = draw_shots({&pool, "pool"}, {}, 3, 4, 1234), many = draw_shots({&pool, "pool"}, {}, 30, 4, 1234);
  EXPECT_EQ(few, std::vector<Shots>(many.begin(), many.begin() + 3));
}

TEST(FewShot, FromTheEvaluatedSplitLeavesTheDocumentOut) {
  const std::vector<OrderedJson> pool = numbered(6);
  const auto draws = draw_shots({&pool, "pool", true}, pool, pool.size(), 5, 1234);
  for (std::size_t document = 0; document < pool.size(); ++document) {
    Shots drawn = draws[document];
    std::sort(drawn.begin(), drawn.end());
    Shots others;
    for (std::size_t row = 0; row < pool.size(); ++row) {
      if (row != document) others.push_back(static_cast<std::int64_t>(row));
    }
    EXPECT_EQ(drawn, others);
  }
}

TEST(FewShot, DrawsAgainWhereDuplicatesOfTheDocumentLeaveTooFew) {
  std::vector<OrderedJson> pool = numbered(5);
  pool[1] = pool[2] = pool[0];
  const auto draws = draw_shots({&pool, "pool", true}, pool, 1, 2, 1234);
  for (const std::int64_t row : draws[0]) EXPECT_GE(row, 3);
  EXPECT_ERROR(draw_shots({&pool, "pool", true}, pool, 1, 3, 1234), kInput,
               "3 shots are asked for, but pool without the evaluated document has 2 rows to take them from; lower \"shots\"");
}

TEST(FewShot, RefusesMoreShotsThanThePoolHas) {
  const std::vector<OrderedJson> pool = numbered(4);
  EXPECT_ERROR(draw_shots({&pool, "gsm8k train"}, {}, 1, 5, 1234), kInput,
               "5 shots are asked for, but gsm8k train has 4 rows to take them from; lower \"shots\"");
  EXPECT_ERROR_HAS(draw_shots({&pool, "pool", true}, pool, 1, 4, 1234), kInput, "4 shots are asked for and one more is drawn, but pool has 4 rows");
  EXPECT_ERROR_HAS(first_shots(5, "mmlu dev anatomy", 6), kInput, "mmlu dev anatomy has 5 rows");
  EXPECT_EQ(first_shots(5, "pool", 3), (Shots{0, 1, 2}));
}

TEST(FewShot, AssemblesPromptsWithASpaceBeforeTargetsAndABlankLineAfter) {
  EXPECT_EQ(assemble_prompt("About sums.\n\n", {{"1+1=", "2"}, {"2+2=", "4"}}, "3+3="), "About sums.\n\n1+1= 2\n\n2+2= 4\n\n3+3=");
  EXPECT_EQ(assemble_prompt("", {}, "3+3="), "3+3=");
  EXPECT_EQ(assemble_prompt("", {{"1+1=", ""}, {"2+2=", std::nullopt}}, "3+3="), "1+1= \n\n2+2=3+3=");
}

}  // namespace
}  // namespace winnow::test
