#include "harness/text/served_language_model.h"

#include <cmath>

#include "tests/support/errors.h"
#include "tests/text/completion_server.h"
#include "tests/text/tiny_runs.h"

namespace winnow {
namespace {

using Manner = CompletionServer::Manner;
using test::ServerReply;
using test::ServerRequest;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

ServedOptions options_of(const CompletionServer& server) {
  return {.endpoint = server.endpoint(),
          .model = "tiny",
          .tokenizer = CompletionServer::folder(),
          .api_key_env = "",
          .http = {.concurrency = 4,
                   .connect_seconds = 5,
                   .reply_seconds = 20,
                   .attempts = 12,
                   .connect_attempts = 2,
                   .first_wait_seconds = 0.002,
                   .longest_wait_seconds = 0.02}};
}

std::vector<Request> some_requests() {
  std::vector<Request> requests = choices_of(run_rows("tiny_mmlu6_0shot"));
  requests.resize(12);
  requests.push_back(ScoreRequest{"", "The quick fox"});
  requests.push_back(RollingRequest{"A long text for a short window. It needs several of them, one after another."});
  requests.push_back(RollingRequest{""});
  requests.push_back(TokensRequest{{1, 22478}, {28747, 2997, 299}});
  requests.push_back(GenerateRequest{"Question: 2 + 2\nAnswer:", {"\n"}, 6});
  return requests;
}

void expect_same(const std::vector<Response>& served, const std::vector<Response>& own) {
  ASSERT_EQ(served.size(), own.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    // The server's rows stand in other batches, and f32 keeps seven digits.
    EXPECT_NEAR(served[i].log_likelihood, own[i].log_likelihood, 1e-5 + 1e-6 * std::abs(own[i].log_likelihood)) << i;
    EXPECT_EQ(served[i].is_greedy, own[i].is_greedy) << i;
    EXPECT_EQ(served[i].text, own[i].text) << i;
    EXPECT_EQ(served[i].prompt_truncated, own[i].prompt_truncated) << i;
    EXPECT_EQ(served[i].reply_truncated, own[i].reply_truncated) << i;
  }
}

TEST(ServedModel, AnswersWhatTheEngineBehindItAnswers) {
  const CompletionServer server;
  const ServedModel served = open_served_model(options_of(server));
  const AnswerSettings settings{.max_length = 24};
  expect_same(answers(*served.model, some_requests(), settings), answers(*tiny_mixtral(), some_requests(), settings));
}

TEST(ServedModel, AddsUpWhatTheServerSays) {
  const CompletionServer server;
  const ServedModel served = open_served_model(options_of(server));
  const TokensRequest request{{1, 22478, 28747, 2997}, {299, 28809, 28713}};
  const std::vector<Response> responses = answers(*served.model, {request, RollingRequest{"The quick fox"}});
  EXPECT_NEAR(responses[0].log_likelihood, server.log_likelihood({1, 22478, 28747, 2997, 299, 28809, 28713}, 3), 1e-9);
  TokenIds ids = Tokenizer::open(CompletionServer::folder(), 32000)->encode("The quick fox", Tokenizer::Special::kAdd);
  ids.insert(ids.begin(), 1);  // a rolling text begins after the prefix token
  EXPECT_NEAR(responses[1].log_likelihood, server.log_likelihood(ids, ids.size() - 1), 1e-9);
}

TEST(ServedModel, AnswersTheSameThroughTextAlone) {
  const CompletionServer server(Manner::kText);
  const ServedModel served = open_served_model(options_of(server));
  std::vector<Request> requests = choices_of(run_rows("tiny_mmlu6_0shot"));
  requests.resize(12);
  requests.push_back(GenerateRequest{"Question: 2 + 2\nAnswer:", {"\n"}, 6});
  expect_same(answers(*served.model, requests), answers(*tiny_mixtral(), requests));
  EXPECT_ERROR_HAS(answers(*served.model, {TokensRequest{{22478, 28747}, {2997}}}), kInput, "takes prompts as text only and begins each with BOS");
}

TEST(ServedModel, CountsWhatItSends) {
  const CompletionServer server;
  const ServedModel served = open_served_model(options_of(server));
  const int asked_first = server.completions();
  answers(*served.model, {TokensRequest{{1, 22478}, {28747, 2997, 299}}, GenerateRequest{"Hello", {}, 3}});
  EXPECT_EQ(served.model->counters().tokens_decoded, 2);
  EXPECT_EQ(served.model->counters().tokens_asked, 4 + 2 + 2);
  EXPECT_EQ(server.completions() - asked_first, 2);
}

TEST(ServedModel, IsNamedByWhatDecidesItsAnswers) {
  const CompletionServer server;
  const ServedModel served = open_served_model(options_of(server));
  EXPECT_EQ(served.identity, (Json{{"endpoint", server.endpoint()},
                                   {"model", "tiny"},
                                   {"server", "vllm"},
                                   {"version", "0.9.9"},
                                   {"weights", "/models/tiny"},
                                   {"max_length", 2048},
                                   {"scoring", "echo"}}));
  EXPECT_EQ(served.tokenizer_sha256, Tokenizer::open(CompletionServer::folder(), 32000)->digest());
}

// Every fault there is, each third request; the answers are those of an undisturbed run, each given once (answers() checks that).
TEST(ServedModel, LosesNoAnswerToABadServer) {
  const std::vector<Response> own = answers(*tiny_mixtral(), some_requests(), {.max_length = 24});
  const std::vector<ServerReply> faults = {{.status = 429, .body = "{}"},
                                           {.status = 500, .body = "<html>"},
                                           {.is_dropped = true},
                                           {.body = R"({"choices": [{"te)"},
                                           {.body = ""},
                                           {.body = "{}", .stated_length = 90},
                                           {.body = R"({"choices": [{"text": "x", "logprobs": {"tokens": [], "token_logprobs": [], "top_logprobs": []}}]})"},
                                           {.body = "NaN"},
                                           {.status = 503, .wait_seconds = 0.05}};
  for (const ServerReply& fault : faults) {
    const CompletionServer server(Manner::kVllm, [&](int number, const ServerRequest& request) -> std::optional<ServerReply> {
      const bool scores = request.body.find("\"echo\":true") != std::string::npos;
      if (number % 3 != 1 || (fault.body.find("\"text\"") != std::string::npos && !scores)) return std::nullopt;
      return fault;
    });
    const ServedModel served = open_served_model(options_of(server));
    expect_same(answers(*served.model, some_requests(), {.max_length = 24}), own);
  }
}

TEST(ServedModel, SaysWhyItCannotBeAsked) {
  const auto sentence = [](Manner manner, CompletionServer::Fault fault, const std::function<void(ServedOptions&)>& change = {}) {
    const CompletionServer server(manner, std::move(fault));
    ServedOptions options = options_of(server);
    options.http.attempts = 3;
    if (change) change(options);
    try {
      open_served_model(options);
    } catch (const Error& error) {
      return std::string(error.kind() == ErrorKind::kUnsupported ? "unsupported: " : "input: ") + error.what();
    }
    return std::string("opened");
  };
  EXPECT_THAT(sentence(Manner::kWithoutEcho, {}), AllOf(HasSubstr("unsupported: "), HasSubstr("cannot score"), HasSubstr("\"scoring\": \"none\"")));
  EXPECT_THAT(sentence(Manner::kVllm, {}, [](ServedOptions& options) { options.model = "tiney"; }),
              HasSubstr("does not serve a model 'tiney'; it serves: tiny"));
  EXPECT_THAT(sentence(Manner::kVllm, {}, [](ServedOptions& options) { options.endpoint = "http://127.0.0.1:" + std::to_string(test::free_port()) + "/v1"; }),
              AllOf(HasSubstr("input: http://127.0.0.1:"), HasSubstr("/v1/models: "), HasSubstr("(after 2 attempts)")));
  EXPECT_THAT(sentence(Manner::kVllm, [](int, const ServerRequest&) { return ServerReply{.status = 404, .body = R"({"detail": "Not Found"})"}; }),
              HasSubstr("/v1/completions: the server answers 404: Not Found"));
  EXPECT_THAT(sentence(Manner::kVllm, [](int, const ServerRequest&) { return ServerReply{.status = 307, .headers = {"Location: http://elsewhere.invalid/"}}; }),
              HasSubstr("a redirect, which is not followed"));
  EXPECT_THAT(
      sentence(Manner::kVllm, [](int, const ServerRequest&) { return ServerReply{.status = 500, .body = R"({"error": {"message": "CUDA out of memory"}})"}; }),
      HasSubstr("CUDA out of memory"));
  EXPECT_THAT(
      sentence(Manner::kVllm, [](int, const ServerRequest&) { return ServerReply{.status = 400, .body = R"({"error": {"message": "logprobs are off"}})"}; }),
      HasSubstr("logprobs are off"));
  EXPECT_THAT(sentence(Manner::kVllm, {}, [](ServedOptions& options) { options.api_key_env = "WINNOW_TEST_NO_SUCH_KEY"; }),
              HasSubstr("WINNOW_TEST_NO_SUCH_KEY that \"api_key_env\" names is not set"));
}

TEST(ServedModel, GeneratesWithoutLogProbabilities) {
  const CompletionServer server(Manner::kWithoutEcho);
  ServedOptions options = options_of(server);
  options.scoring = ServedOptions::Scoring::kNone;
  const ServedModel served = open_served_model(options);
  const std::vector<Request> requests = {GenerateRequest{"Question: 2 + 2\nAnswer:", {"\n"}, 6}};
  expect_same(answers(*served.model, requests), answers(*tiny_mixtral(), requests));
  EXPECT_ERROR_HAS(served.model->answer(std::vector<Request>{ScoreRequest{"a", " b"}}, {}, [](std::size_t, const Response&) { return Continue::kYes; }),
                   kUnsupported, "\"scoring\": \"none\"");
}

TEST(ServedModel, KeepsItsKeyToItself) {
  setenv("WINNOW_TEST_KEY", "sk-very-secret", 1);
  CompletionServer server;
  server.expected_key = "sk-very-secret";
  ServedOptions options = options_of(server);
  options.api_key_env = "WINNOW_TEST_KEY";
  const ServedModel served = open_served_model(options);
  EXPECT_THAT(served.identity.dump(), Not(HasSubstr("sk-very")));
  server.expected_key = "another";
  EXPECT_ERROR_THAT(open_served_model(options), kInput, AllOf(HasSubstr("401"), HasSubstr("Bearer ***"), HasSubstr("api_key_env"), Not(HasSubstr("sk-very"))));
  unsetenv("WINNOW_TEST_KEY");
}

TEST(ServedModel, IsNotBlamedWhereItWasNotLetAnswer) {
  const CompletionServer server;
  for (int questions = 0; questions < 3; ++questions) {  // the list of models, the version, the probe
    ServedOptions options = options_of(server);
    options.http.should_stop = [&, before = server.server().requests()] { return server.server().requests() - before >= questions; };
    EXPECT_THROW(open_served_model(options), StoppedBeforeKnown);
  }
}

TEST(ServedModel, StopsAsSoonAsItIsToldTo) {
  const CompletionServer server;
  const ServedModel served = open_served_model(options_of(server));
  int count = 0;
  served.model->answer(some_requests(), {}, [&](std::size_t, const Response&) { return ++count == 3 ? Continue::kNo : Continue::kYes; });
  EXPECT_EQ(count, 3);
}

}  // namespace
}  // namespace winnow
