#include "harness/text/completions.h"

#include <cmath>

#include "tests/support/errors.h"

namespace winnow {
namespace {

EchoPrompt prompt() {
  return {.ids = {1, 20, 21, 22}, .scored = 2, .pieces = {"<s>", "The", "quick", "fox"}, .text = "The quick fox", .begins_with_bos = true};
}

// An echo of the prompt and one generated token; `numbers` and `tops` as JSON.
std::string echo(const std::string& numbers, const std::string& tops, const std::string& tokens = R"(["<s>", "▁The", "▁quick", " fox", "."])") {
  return R"({"choices": [{"text": "", "logprobs": {"tokens": )" + tokens + R"(, "token_logprobs": )" + numbers + R"(, "top_logprobs": )" + tops +
         R"(}}], "usage": {"prompt_tokens": 4, "completion_tokens": 1}})";
}

const char* const kNumbers = "[null, -9, -1.5, -0.25, -0.125]";
const char* const kTops = R"([null, {"a": -1}, {" quick": -1.5, "b": -1.5}, {" fox": -0.25}, {".": -0.125}])";

TEST(Completions, ScoreIsTheSumOverTheLastIds) {
  const EchoScore score = read_echo(echo(kNumbers, kTops), prompt(), {});
  EXPECT_EQ(score.log_likelihood, -1.75);
  EXPECT_TRUE(score.is_greedy) << "a tie counts";
  EXPECT_FALSE(read_echo(echo(kNumbers, R"([null, {"a": -1}, {"b": -1.4}, {" fox": -0.25}, {".": -0.125}])"), prompt(), {}).is_greedy);
}

TEST(Completions, TokensMayBeNamedById) {
  EXPECT_EQ(read_echo(echo(kNumbers, kTops, R"(["token_id:1", "token_id:20", "token_id:21", "token_id:22", "token_id:9"])"), prompt(), {}).log_likelihood,
            -1.75);
  EXPECT_ERROR_HAS(read_echo(echo(kNumbers, kTops, R"(["token_id:1", "token_id:20", "token_id:7", "token_id:22", "token_id:9"])"), prompt(), {}), kInput,
                   "the server's token 2 is 'token_id:7', ours is 'quick' (id 21): it encodes this prompt otherwise than the tokenizer folder does");
}

TEST(Completions, AnEchoMayLeaveOutBos) {
  const std::string reply =
      echo("[null, -1.5, -0.25, -0.125]", R"([null, {" quick": -1.5}, {" fox": -0.25}, {".": -0.125}])", R"([" The", " quick", " fox", "."])");
  EXPECT_TRUE(echo_leaves_out_bos(reply, prompt()));
  EXPECT_FALSE(echo_leaves_out_bos(echo(kNumbers, kTops), prompt()));
  EXPECT_EQ(read_echo(reply, prompt(), {.prompts = CompletionDialect::Prompts::kText, .leaves_out_bos = true}).log_likelihood, -1.75);
  EXPECT_ERROR_HAS(read_echo(reply, prompt(), {}), kInput, "log-probabilities of 4 tokens, expected 4 of the prompt and 1 of what was generated");
}

TEST(Completions, RepliesThatAreNoEchoOfThePromptAreRefused) {
  struct Bad {
    std::string reply, fault;
  };
  const std::string good = echo(kNumbers, kTops);
  const Bad replies[] = {
      {"", "the reply"},
      {good.substr(0, good.size() / 2), "the reply:1"},
      {"[]", "\"choices\""},
      {R"({"choices": []})", "expected a list of one"},
      {R"({"choices": {}})", "expected a list of one"},
      {R"({"choices": [5]})", "the reply's choice is 5, expected an object"},
      {R"({"choices": [{"text": "x"}]})", "the server gives no log-probabilities"},
      {R"({"choices": [{"text": "x", "logprobs": null}]})", "gives no log-probabilities of its prompts"},
      {R"({"choices": [{"logprobs": {"content": []}}]})", "\"token_logprobs\""},
      {echo("{}", kTops), "expected a list"},
      {echo("[null, -9, -1.5, -0.25]", kTops), "of 4 tokens, expected 4 of the prompt and 1"},
      {echo("[]", "[]"), "of 0 tokens"},
      {echo("[null, -9, -1.5, -0.25, -1, -1]", kTops), "of 6 tokens"},
      {echo(kNumbers, "[null, null, null, null]"), "5 token_logprobs and 4 top_logprobs"},
      {echo(kNumbers, "[null, null, null, null, null]"), "names no most likely token for place 2"},
      {echo("[null, -9, null, -0.25, -0.125]", kTops), "no log-probability for token 2"},
      {echo("[null, -9, \"-1.5\", -0.25, -0.125]", kTops), "token 2 is \"-1.5\", expected a number"},
      {echo("[null, -9, NaN, -0.25, -0.125]", kTops), "the reply:1"},
      {echo("[null, -9, -1e999, -0.25, -0.125]", kTops), "the reply:1"},
      {echo("[null, -9, 0.5, -0.25, -0.125]", kTops), "token 2 is 0.5, expected at most 0"},
      {echo(kNumbers, R"([null, null, {"b": "x"}, {" fox": -0.25}, {".": -0.125}])"), "a top log-probability of token 2 is \"x\""},
      {echo(kNumbers, kTops, R"(["<s>", "The", "slow", "fox", "."])"), "the server's token 2 is 'slow', ours is 'quick'"},
      {std::string(100000, '['), "the reply"},
  };
  for (const Bad& bad : replies) EXPECT_ERROR_HAS(read_echo(bad.reply, prompt(), {}), kInput, bad.fault) << bad.reply.substr(0, 200);
}

TEST(Completions, TheFirstTokenHasNone) {
  EchoPrompt whole = prompt();
  whole.scored = 4;
  EXPECT_ERROR_HAS(read_echo(echo(kNumbers, kTops), whole, {}), kInput, "no log-probability for token 0: servers give none for the first one");
}

TEST(Completions, BytesAndSpecialTokensMayBeShownAsTheServerLikes) {
  EXPECT_EQ(read_echo(echo(kNumbers, kTops, R"(["", "<0x41>", "�", "bytes:\\xe2", "."])"),
                      {.ids = {1, 5, 6, 7}, .scored = 2, .pieces = {"<s>", "\n", "é", "\xE2"}}, {})
                .log_likelihood,
            -1.75);
}

TEST(Completions, BodiesSayAllThatDecides) {
  const Json body = Json::parse(echo_body("m", prompt(), {}));
  EXPECT_EQ(body["prompt"], (Json{1, 20, 21, 22}));
  EXPECT_EQ(body["echo"], true);
  EXPECT_EQ(body["logprobs"], 1);
  EXPECT_EQ(body["temperature"], 0);
  EXPECT_EQ(body["repeat_penalty"], 1.0);
  const CompletionDialect plain{.prompts = CompletionDialect::Prompts::kText, .extensions = CompletionDialect::Extensions::kNone};
  EXPECT_EQ(Json::parse(echo_body("m", prompt(), plain))["prompt"], "The quick fox");
  EXPECT_FALSE(Json::parse(echo_body("m", prompt(), plain)).contains("repeat_penalty"));
  const Json reply = Json::parse(completion_body("m", {{1, 2}, "", {"a", "", "b", "c", "d", "e"}, 7}, {}));
  EXPECT_EQ(reply["stop"], (Json{"a", "b", "c", "d"}));
  EXPECT_EQ(reply["max_tokens"], 7);
}

TEST(Completions, ReplyIsTextAndWhyItEnded) {
  const Completion cut = read_completion(R"({"choices": [{"text": " 18", "finish_reason": "length"}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})");
  EXPECT_EQ(cut.text, " 18");
  EXPECT_TRUE(cut.is_cut);
  EXPECT_EQ(cut.tokens, 2);
  EXPECT_FALSE(read_completion(R"({"choices": [{"text": "", "finish_reason": "stop"}]})").is_cut);
  for (const char* bad :
       {"{}", R"({"choices": [{}]})", R"({"choices": [{"text": null}]})", R"({"choices": [{"text": ["a"]}]})", R"({"choices": [null]})", R"({"choi)"})
    EXPECT_NE(test::error_text(ErrorKind::kInput, [&] { read_completion(bad); }).find("the reply"), std::string::npos) << bad;
}

TEST(Completions, AServersMessageIsFound) {
  EXPECT_EQ(server_message(R"({"error": {"message": "too long"}})"), "too long");
  EXPECT_EQ(server_message(R"({"error": "too long"})"), "too long");
  EXPECT_EQ(server_message(R"({"object": "error", "message": "too long"})"), "too long");
  EXPECT_EQ(server_message(R"({"detail": "Not Found"})"), "Not Found");
  EXPECT_EQ(server_message(R"({"detail": [{"msg": "x"}]})"), R"([{"msg":"x"}])");
  EXPECT_EQ(server_message("<html>Bad\x1bgateway"), "<html>Bad\x1bgateway");
}

}  // namespace
}  // namespace winnow
