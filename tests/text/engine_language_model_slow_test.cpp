#include "tests/text/tiny_runs.h"

namespace winnow {
namespace {

TEST(EngineScores, DoNotDependOnPackingOrSharing) {
  std::vector<Request> requests = choices_of(run_rows("tiny_mmlu6_5shot"));
  for (const Request& request : choices_of(run_rows("tiny_zeroshot"))) requests.push_back(request);
  const auto apart = answers(*tiny_mixtral({.sharing = PrefixSharing::kOff}), requests);
  for (const std::int64_t budget : {7, 100, 1000, 100000}) {
    const auto shared = answers(*tiny_mixtral({.token_budget = budget}), requests);
    for (std::size_t i = 0; i < requests.size(); ++i) EXPECT_NEAR(shared[i].log_likelihood, apart[i].log_likelihood, 1e-4) << budget << " " << i;
  }
}

TEST(EngineRolling, IsThatOfTheHarness) {
  for (const auto& [run, settings] :
       {std::pair{"tiny_wikitext_256", AnswerSettings{.max_length = 256}}, std::pair{"tiny_wikitext_512", AnswerSettings{.max_length = 512}},
        std::pair{"tiny_nobos_wikitext_256", AnswerSettings{.max_length = 256, .add_bos = false}}}) {
    const auto model = tiny_mixtral({.token_budget = 300});
    for (const Json& row : run_rows(run)) {
      const auto responses = answers(*model, {RollingRequest{row.at("ctx")}}, settings);
      EXPECT_NEAR(responses[0].log_likelihood / row.at("ll").get<double>(), 1, 1e-5) << run;
    }
  }
}

void expect_generated(std::string_view run, const std::vector<std::string>& until, const EngineOptions& options) {
  const std::vector<Json> rows = run_rows(run);
  std::vector<Request> requests;
  for (const Json& row : rows) requests.push_back(GenerateRequest{row.at("ctx"), until, 48});
  const auto model = tiny_mixtral(options);
  const auto responses = answers(*model, requests);
  std::int64_t decoded = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto ids = rows[i].at("gen_ids").get<TokenIds>();
    EXPECT_EQ(responses[i].text, rows[i].at("response").get<std::string>()) << run << " " << rows[i].at("doc_id");
    EXPECT_EQ(responses[i].reply_truncated, ids.size() == 48 && ids.back() != 2) << run << " " << rows[i].at("doc_id");
    decoded += static_cast<std::int64_t>(ids.size()) - 1;
  }
  EXPECT_EQ(model->counters().tokens_decoded, decoded) << "as many tokens as were recorded";
}

TEST(EngineGeneration, IsThatOfTheHarness) {
  const std::vector<std::string> until = {"Question:", "</s>", "<|im_end|>"};
  for (const EngineOptions& options : {EngineOptions{}, EngineOptions{.token_budget = 50, .max_sequences = 3}, EngineOptions{.max_sequences = 1},
                                       EngineOptions{.token_budget = 3000, .sharing = PrefixSharing::kOff}}) {
    expect_generated("tiny_gsm8k_0shot", until, options);
    expect_generated("tiny_gsm8k_5shot", until, options);
    expect_generated("tiny_gsm8k_0shot_stops", {"e", "ion", "\n"}, options);
  }
}

}  // namespace
}  // namespace winnow
