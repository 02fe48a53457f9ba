#include "harness/text/recorded_language_model.h"

#include "harness/core/digest.h"
#include "harness/core/json.h"
#include "harness/text/request_lines.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Response answer_one(LanguageModel& model, const Request& request) {
  Response answer;
  model.answer({&request, 1}, {}, [&](std::size_t, const Response& response) {
    answer = response;
    return Continue::kYes;
  });
  return answer;
}

TEST(RecordedOutputs, AnswerByTextOrByItsDigest) {
  const test::TemporaryFolder folder;
  const auto model = open_recorded_outputs(
      folder.write("r.jsonl", fmt::format(R"({{"kind": "score", "context": "Q", "continuation": " A", "log_likelihood": -1.5, "is_greedy": true}}
{{"kind": "score", "context_sha256": "{}", "continuation": " B", "log_likelihood": -2.5, "is_greedy": false, "note": "let be"}}

{{"kind": "rolling", "text": "a page", "log_likelihood": -100}}
{{"kind": "rolling", "text_sha256": "{}", "log_likelihood": -7}}
{{"kind": "generate", "context": "Q", "reply": "one two STOP three END"}})",
                                          sha256_hex("Q"), sha256_hex("other"))));
  EXPECT_EQ(answer_one(*model, ScoreRequest{"Q", " A"}).log_likelihood, -1.5);
  EXPECT_TRUE(answer_one(*model, ScoreRequest{"Q", " A"}).is_greedy);
  EXPECT_EQ(answer_one(*model, ScoreRequest{"Q", " B"}).log_likelihood, -2.5);
  EXPECT_FALSE(answer_one(*model, ScoreRequest{"Q", " B"}).is_greedy);
  EXPECT_EQ(answer_one(*model, RollingRequest{"a page"}).log_likelihood, -100);
  EXPECT_EQ(answer_one(*model, RollingRequest{"other"}).log_likelihood, -7);
  EXPECT_EQ(answer_one(*model, GenerateRequest{"Q", {"END", "STOP"}, 5}).text, "one two ");
  EXPECT_EQ(answer_one(*model, GenerateRequest{"Q", {}, 5}).text, "one two STOP three END");
}

TEST(RecordedOutputs, TakeTheSameAnswerTwiceButNotAnother) {
  const test::TemporaryFolder folder;
  const std::string line = R"({"kind": "generate", "context": "Q", "reply": "x"})";
  EXPECT_EQ(answer_one(*open_recorded_outputs(folder.write("r.jsonl", line + "\r\n" + line + "\r\n")), GenerateRequest{"Q", {}, 5}).text, "x");
  const std::string other = fmt::format(R"({{"kind": "generate", "context_sha256": "{}", "reply": "y"}})", sha256_hex("Q"));
  EXPECT_ERROR_HAS(open_recorded_outputs(folder.write("r.jsonl", line + "\n" + other)), kInput, "r.jsonl:2: this request was answered otherwise in line 1");
}

TEST(RecordedOutputs, NameTheRequestWithoutAnAnswer) {
  const test::TemporaryFolder folder;
  const auto model =
      open_recorded_outputs(folder.write("r.jsonl", R"({"kind": "score", "context": "Q", "continuation": " A", "log_likelihood": -1, "is_greedy": true})"));
  EXPECT_ERROR_THAT(
      answer_one(*model, ScoreRequest{"Q", " C"}), kInput,
      AllOf(HasSubstr("r.jsonl has no answer to the score request for the continuation \" C\" of the context \"Q\""), HasSubstr(sha256_hex("Q"))));
  EXPECT_ERROR_HAS(answer_one(*model, RollingRequest{"Q"}), kInput, "rolling request for the text \"Q\"");
  EXPECT_ERROR_HAS(answer_one(*model, GenerateRequest{"Q\x1b[2J", {}, 1}), kInput, "generate request for the context \"Q\\x1b[2J\"");
  EXPECT_ERROR_HAS(answer_one(*model, TokensRequest{{1}, {2}}), kUnsupported, "no windows of token ids");
  EXPECT_ERROR_HAS(model->encode("x", LanguageModel::Special::kAdd), kUnsupported, "no tokenizer");
}

TEST(RecordedOutputs, StopWhenToldTo) {
  const test::TemporaryFolder folder;
  const auto model = open_recorded_outputs(folder.write("r.jsonl", R"({"kind": "rolling", "text": "a", "log_likelihood": -1})"));
  const std::vector<Request> requests(5, RollingRequest{"a"});
  int calls = 0;
  model->answer(requests, {}, [&](std::size_t, const Response&) { return ++calls == 2 ? Continue::kNo : Continue::kYes; });
  EXPECT_EQ(calls, 2);
}

TEST(RecordedOutputs, RefuseMalformedLinesNamingThem) {
  const test::TemporaryFolder folder;
  const std::string good = R"({"kind": "rolling", "text": "a", "log_likelihood": -1})";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{", "r.jsonl:2"},
      {"[1]", "r.jsonl:2: holds a array, expected an object"},
      {good + "x", "r.jsonl:2"},
      {good.substr(0, 20), "r.jsonl:2"},
      {"\xef\xbb\xbf" + good, "r.jsonl:2"},
      {"{\"kind\": \"rolling\", \"text\": \"\xff\", \"log_likelihood\": -1}", "r.jsonl:2"},
      {R"({"text": "a", "log_likelihood": -1})", "r.jsonl:2: \"kind\" is missing"},
      {R"({"kind": 7})", "r.jsonl:2: \"kind\" is 7, expected a string"},
      {R"({"kind": "rollin", "text": "a", "log_likelihood": -1})", "r.jsonl:2: \"kind\" is \"rollin\", expected generate, score or rolling"},
      {R"({"kind": "rolling", "log_likelihood": -1})", "r.jsonl:2: neither \"text\" nor \"text_sha256\" is there"},
      {R"({"kind": "rolling", "text": 1, "log_likelihood": -1})", "r.jsonl:2: \"text\" is 1, expected a string"},
      {R"({"kind": "rolling", "text_sha256": "abc", "log_likelihood": -1})", "r.jsonl:2: \"text_sha256\" is \"abc\", expected 64 hexadecimal digits"},
      {R"({"kind": "rolling", "text": "b", "text_sha256": ")" + sha256_hex("c") + R"(", "log_likelihood": -1})",
       "r.jsonl:2: \"text_sha256\" is not the sha256 of \"text\""},
      {R"({"kind": "rolling", "text": "b"})", "r.jsonl:2: \"log_likelihood\" is missing"},
      {R"({"kind": "rolling", "text": "b", "log_likelihood": "-1"})", "r.jsonl:2: \"log_likelihood\" is \"-1\", expected a number"},
      {R"({"kind": "rolling", "text": "b", "log_likelihood": 0.5})", "r.jsonl:2: \"log_likelihood\" is 0.5, but the logarithm of a probability is at most 0"},
      {R"({"kind": "rolling", "text": "b", "log_likelihood": NaN})", "r.jsonl:2"},
      {R"({"kind": "rolling", "text": "a", "log_likelihood": -2})", "r.jsonl:2: this request was answered otherwise in line 1"},
      {R"({"kind": "score", "context": "b", "log_likelihood": -1, "is_greedy": true})", "r.jsonl:2: \"continuation\" is missing"},
      {R"({"kind": "score", "context": "b", "continuation": "c", "log_likelihood": -1})", "r.jsonl:2: \"is_greedy\" is missing"},
      {R"({"kind": "score", "context": "b", "continuation": "c", "log_likelihood": -1, "is_greedy": 1})",
       "r.jsonl:2: \"is_greedy\" is 1, expected true or false"},
      {R"({"kind": "generate", "context": "b"})", "r.jsonl:2: \"reply\" is missing"},
      {R"({"kind": "generate", "context": "b", "reply": ["x"]})", "r.jsonl:2: \"reply\" is [\"x\"], expected a string"},
  };
  for (const auto& [line, part] : cases) EXPECT_ERROR_HAS(open_recorded_outputs(folder.write("r.jsonl", good + "\n" + line + "\n")), kInput, part) << line;
  EXPECT_ERROR_HAS(open_recorded_outputs(folder.write("r.jsonl", "\n \n")), kInput, "r.jsonl: holds no recorded outputs");
  EXPECT_ERROR_HAS(open_recorded_outputs(folder / "none.jsonl"), kInput, "none.jsonl: there is no such file");
  EXPECT_ERROR_HAS(open_recorded_outputs(folder.path()), kInput, "there is no such file");
}

TEST(RecordedOutputs, SayThatTheFileChangedUnderThem) {
  const test::TemporaryFolder folder;
  const auto path = folder.write("r.jsonl", R"({"kind": "generate", "context": "Q", "reply": "first"})");
  const auto model = open_recorded_outputs(path);
  folder.write("r.jsonl", R"({"kind": "generate", "context": "Q", "reply": "other"})");
  EXPECT_ERROR_HAS(answer_one(*model, GenerateRequest{"Q", {}, 5}), kInput, "the file changed since it was opened");
}

TEST(RequestLines, HoldAllThatAnEngineNeeds) {
  EXPECT_EQ(request_line(ScoreRequest{"Q\n\"é\"", " A"}), R"({"kind":"score","context":"Q\n\"é\"","continuation":" A"})");
  EXPECT_EQ(request_line(RollingRequest{"page"}), R"({"kind":"rolling","text":"page"})");
  EXPECT_EQ(request_line(GenerateRequest{"Q", {"\n", "END"}, 48}), R"({"kind":"generate","context":"Q","until":["\n","END"],"max_new_tokens":48})");
  EXPECT_ERROR_HAS(request_line(TokensRequest{{1}, {2}}), kUnsupported, "windows of token ids");
}

TEST(RequestLines, BecomeRecordsWhenTheAnswerIsAdded) {
  const test::TemporaryFolder folder;
  const GenerateRequest request{"Q", {"\n"}, 48};
  Json line = Json::parse(request_line(request));
  line["reply"] = "forty\ntwo";
  EXPECT_EQ(answer_one(*open_recorded_outputs(folder.write("r.jsonl", line.dump())), request).text, "forty");
}

}  // namespace
}  // namespace winnow
