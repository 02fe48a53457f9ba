#include "harness/text/engine_language_model.h"

#include "tests/support/errors.h"
#include "tests/text/tiny_runs.h"

namespace winnow {
namespace {

void expect_run(std::string_view run, const AnswerSettings& settings) {
  const std::vector<Json> rows = run_rows(run);
  ASSERT_FALSE(rows.empty());
  const std::vector<Request> requests = choices_of(rows);
  const auto tokenizer = Tokenizer::open(test::fixture("lm_eval/tiny_mixtral"), 32000);
  const PromptEncoder encoder(*tokenizer, settings.add_bos);
  const auto model = tiny_mixtral();
  const std::vector<Response> responses = answers(*model, requests, settings);
  std::size_t index = 0;
  for (const Json& row : rows) {
    for (std::size_t i = 0; i < row.at("ll").size(); ++i, ++index) {
      const auto& request = std::get<ScoreRequest>(requests[index]);
      const TokenPair pair = encode_pair(encoder, request.context, request.continuation);
      const auto of_choice = [&](const char* key) { return row.at(key).is_array() ? row.at(key)[i] : row.at(key); };
      EXPECT_EQ(pair.continuation, row.at("cont_ids")[i].get<TokenIds>()) << run << " " << row.at("task") << " " << row.at("doc_id");
      EXPECT_EQ(pair.context.size(), of_choice("ctx_n_ids").get<std::size_t>());
      EXPECT_EQ(ids_sha256(pair.context), of_choice("ctx_ids_sha256").get<std::string>());
      EXPECT_NEAR(responses[index].log_likelihood, row.at("ll")[i].get<double>(), 1e-3) << run << " " << row.at("task") << " " << row.at("doc_id");
      EXPECT_EQ(responses[index].is_greedy, row.at("greedy")[i] != 0);
      EXPECT_EQ(responses[index].prompt_truncated,
                pair.context.size() + pair.continuation.size() > static_cast<std::size_t>(settings.max_length.value_or(2048)) + 1);
    }
  }
}

TEST(EngineScores, AreThoseOfTheHarnessOnMultipleChoice) {
  expect_run("tiny_zeroshot", {});
  expect_run("tiny_mmlu6_0shot", {});
  expect_run("tiny_mmlu6_5shot", {});
}

TEST(EngineScores, AreThoseOfTheHarnessWithShots) {
  expect_run("tiny_fewshot_3_seed1234", {});
  expect_run("tiny_fewshot_3_seed42", {});
}

TEST(EngineScores, AreThoseOfTheHarnessWithoutBos) { expect_run("tiny_nobos_zeroshot", {.add_bos = false}); }

TEST(EngineScores, AreThoseOfTheHarnessOnTruncatedPrompts) { expect_run("tiny_truncate_96", {.max_length = 96}); }

TEST(EngineScores, OfFourLettersCostOneRowSet) {
  const auto model = tiny_mixtral();
  const std::vector<Json> rows = run_rows("tiny_mmlu6_0shot");
  std::int64_t asked = 0;
  for (const Json& row : rows) asked += row.at("ctx_n_ids").get<std::int64_t>();
  answers(*model, choices_of(rows));
  EXPECT_EQ(model->counters().tokens_asked, asked);
  EXPECT_LT(model->counters().tokens_forwarded, asked);
  EXPECT_EQ(model->counters().expert_evaluations, model->counters().tokens_forwarded * 2 * 2);
  EXPECT_EQ(model->counters().tokens_decoded, 0);
  EXPECT_GT(model->counters().prefill_seconds, 0);
}

TEST(EngineRolling, OfAnEmptyTextIsOne) {
  const auto responses = answers(*tiny_mixtral(), {RollingRequest{""}}, {.add_bos = false});
  EXPECT_EQ(responses[0].log_likelihood, 0);
}

TEST(EngineGeneration, TruncatesPromptsOnTheLeft) {
  const auto model = tiny_mixtral();
  const std::string context = run_rows("tiny_gsm8k_5shot")[0].at("ctx");
  const auto tokenizer = Tokenizer::open(test::fixture("lm_eval/tiny_mixtral"), 32000);
  const auto long_prompt = answers(*model, {GenerateRequest{context, {}, 16}}, {.max_length = 64});
  EXPECT_TRUE(long_prompt[0].prompt_truncated);
  EXPECT_EQ(model->counters().tokens_asked - model->counters().tokens_decoded, 48) << "max_length less the new tokens";
  EXPECT_FALSE(answers(*model, {GenerateRequest{"Hello", {}, 4}})[0].prompt_truncated);
}

TEST(EngineTokens, ScoreAWindowAsItsRowsSay) {
  const auto model = tiny_mixtral();
  const TokenIds ids = {1, 22478, 28747, 2997, 299, 28809, 28713};
  const auto whole = answers(*model, {TokensRequest{{1}, {22478, 28747, 2997, 299, 28809, 28713}}});
  double sum = 0;
  for (std::size_t i = 1; i < ids.size(); ++i) {
    sum += answers(*model, {TokensRequest{TokenIds(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(i)), {ids[i]}}})[0].log_likelihood;
  }
  EXPECT_NEAR(whole[0].log_likelihood, sum, 1e-4);
}

TEST(EngineLanguageModel, StopsWhenToldTo) {
  const auto model = tiny_mixtral({.token_budget = 64});
  std::vector<Request> requests = choices_of(run_rows("tiny_mmlu6_0shot"));
  requests.push_back(GenerateRequest{"Hello", {}, 4});
  int calls = 0;
  model->answer(requests, {}, [&](std::size_t, const Response&) { return ++calls == 3 ? Continue::kNo : Continue::kYes; });
  EXPECT_EQ(calls, 3);
  calls = 0;
  const std::vector<Request> prompts(5, GenerateRequest{"Hello", {}, 4});
  model->answer(prompts, {}, [&](std::size_t, const Response&) { return ++calls == 2 ? Continue::kNo : Continue::kYes; });
  EXPECT_EQ(calls, 2);
}

TEST(EngineLanguageModel, RefusesWhatItCannotAnswerNamingTheRequest) {
  const auto model = tiny_mixtral();
  const auto refuse = [&](const Request& request, const AnswerSettings& settings = {}) { answers(*model, {request}, settings); };
  EXPECT_ERROR_HAS(refuse(ScoreRequest{"Question", ""}), kInput, "score request for the continuation \"\" of the context \"Question\"");
  EXPECT_ERROR_HAS(refuse(ScoreRequest{"Question", ""}), kInput, "the continuation has no token of its own");
  EXPECT_ERROR_HAS(refuse(ScoreRequest{"Q", " one two three four five"}, {.max_length = 3}), kInput, "the continuation has 5 tokens, more than max_length 3");
  EXPECT_ERROR_HAS(refuse(ScoreRequest{" ", "a"}, {.add_bos = false}), kInput, "the context has no token to start from");
  EXPECT_ERROR_HAS(refuse(GenerateRequest{"Q", {}, 64}, {.max_length = 64}), kInput, "max_new_tokens 64 leave no room");
  EXPECT_ERROR_HAS(refuse(GenerateRequest{"Q", {}, 0}), kInput, "max_new_tokens is 0");
  EXPECT_ERROR_HAS(refuse(GenerateRequest{"", {}, 4}, {.add_bos = false}), kInput, "the context has no token to start from");
  EXPECT_ERROR_HAS(refuse(TokensRequest{{1}, {32000}}), kInput, "id 32000 is not below the vocabulary of 32000");
  EXPECT_ERROR_HAS(refuse(TokensRequest{{}, {5}}), kInput, "at least one id");
  EXPECT_ERROR_HAS(refuse(ScoreRequest{"Q", "a"}, {.max_length = 0}), kInput, "max_length is 0");
  EXPECT_ERROR_HAS(refuse(ScoreRequest{"Q", "a"}, {.profile = "lmeval-2019"}), kUnsupported,
                   "there is no profile 'lmeval-2019'; there are: lmeval-head, lmeval-0.4.9.1");
}

TEST(EngineLanguageModel, CountsBoundariesThatMerged) {
  const auto model = tiny_mixtral();
  answers(*model, {ScoreRequest{"Hel", "lo world"}, ScoreRequest{"Hello", " world"}});
  EXPECT_EQ(model->counters().merged_boundaries, 1);
}

}  // namespace
}  // namespace winnow
