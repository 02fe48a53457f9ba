#include <csignal>
#include <filesystem>

#include "harness/core/json.h"
#include "results/store.h"
#include "tests/support/errors.h"
#include "tests/support/processes.h"
#include "tests/support/sample_sweep.h"
#include "tests/text/completion_server.h"

namespace winnow {
namespace {

using test::ProgramResult;
using test::SampleSweep;
using test::ServerReply;
using test::ServerRequest;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const char* const kTasks =
    R"([{"task": "mmlu", "subjects": ["astronomy", "elementary_mathematics"], "shots": 2}, {"task": "gsm8k", "shots": 2, "limit": 4, "max_new_tokens": 8}])";
constexpr int kScores = 8 * 4, kGenerations = 4;  // requests of these tasks

// The sample sweep over a model behind `endpoint`; `more` are further keys of it.
std::string sweep_over(const std::string& endpoint, const std::string& more = "", const std::string& variants = R"([{"label": "dense", "steps": []}])") {
  return fmt::format(
      R"({{"name": "sample", "models": [{{"name": "tiny", "endpoint": "{}", "model": "tiny", "tokenizer": "{}"{}}}], "variants": {}, "tasks": {}, "threads": 1}})",
      endpoint, CompletionServer::folder().string(), more, variants, kTasks);
}

std::map<std::string, std::string> own_table() {
  const SampleSweep sweep(kTasks);
  const ProgramResult run = sweep.run();
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  return sweep.table();
}

// Every score of the served model is the one of our own engine on the same weights.
void expect_own_scores(const SampleSweep& sweep) {
  static const std::map<std::string, std::string> own = own_table();
  std::size_t compared = 0;
  for (const auto& [name, value] : sweep.table()) {
    const auto same = own.find(name);
    ASSERT_NE(same, own.end()) << name;
    EXPECT_EQ(value, same->second) << name;
    ++compared;
  }
  EXPECT_GT(compared, 8U) << test::run_winnow({"report", sweep.store().string()}).output;
}

std::size_t stored_answers(const SampleSweep& sweep) {
  Store store = Store::open_read_only(sweep.store());
  std::size_t count = 0;
  for (const Trial& trial : store.latest()) store.for_each_answer(trial.id, [&](const RecordedAnswer&) { ++count; });
  return count;
}

std::string all_bytes_in(const std::filesystem::path& folder) {
  std::string bytes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += test::read_text(entry.path());
  }
  return bytes;
}

TEST(Served, ScoresAsTheEngineBehindItAndIsMarkedAsNotOurs) {
  const CompletionServer server;
  const SampleSweep sweep;
  sweep.write_file("sweep.json", sweep_over(server.endpoint()));
  const ProgramResult run = sweep.run();
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.output, HasSubstr("not our engine: answered by vllm 0.9.9 at " + server.endpoint()));
  EXPECT_THAT(run.output, Not(HasSubstr("peak memory"))) << "it is the server's, and not known";
  expect_own_scores(sweep);
  const Json report = parse_json(test::run_winnow({"report", sweep.store().string(), "--format", "json"}).output, "report");
  EXPECT_EQ(report["trials"][0]["identity"]["model"]["served"]["version"], "0.9.9");
  EXPECT_EQ(report["trials"][0]["identity"]["model"]["engine"], "not ours");

  const int asked = server.completions();
  EXPECT_EQ(sweep.run().exit_code, 0);
  EXPECT_EQ(server.completions() - asked, 1) << "the probe alone: all cells are done";
}

TEST(Served, AnotherVersionOfTheServerIsAnotherCell) {
  CompletionServer server;
  const SampleSweep sweep;
  sweep.write_file("sweep.json", sweep_over(server.endpoint()));
  ASSERT_EQ(sweep.run().exit_code, 0);
  server.version = "1.0.0";
  EXPECT_THAT(sweep.run({}, {"--dry-run"}).errors, HasSubstr("2 cells, 0 of them done"));
}

TEST(Served, LosesAndDoublesNothingWhateverTheServerDoes) {
  const std::vector<ServerReply> faults = {
      {.status = 429, .headers = {"Retry-After: 0"}},
      {.status = 500, .body = "oops"},
      {.is_dropped = true},
      {.body = R"({"choices": [{"te)"},
      {.body = "{}", .stated_length = 500},
      {.body = R"({"choices": [{"text": 5, "logprobs": {"tokens": [], "token_logprobs": [null], "top_logprobs": [null]}}]})"},
      {.status = 503, .wait_seconds = 0.1},
      {.body = R"({"choices": [{"logprobs": {"tokens": [], "token_logprobs": [NaN], "top_logprobs": [null]}}]})"}};
  const CompletionServer server(CompletionServer::Manner::kVllm, [&](int number, const ServerRequest&) -> std::optional<ServerReply> {
    return number % 2 == 0 ? std::optional(faults[static_cast<std::size_t>(number / 2) % faults.size()]) : std::nullopt;
  });
  const SampleSweep sweep;
  sweep.write_file("sweep.json", sweep_over(server.endpoint(), R"(, "attempts": 30, "concurrency": 3)"));
  const ProgramResult run = sweep.run();
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  expect_own_scores(sweep);
  EXPECT_EQ(stored_answers(sweep), 8U + 4 * 2) << "gsm8k has two filters";
}

TEST(Served, GoesOnWhereItWasKilled) {
  const CompletionServer server(CompletionServer::Manner::kVllm, [](int, const ServerRequest&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    return std::nullopt;
  });
  const SampleSweep sweep;
  sweep.write_file("sweep.json", sweep_over(server.endpoint(), R"(, "concurrency": 1)"));
  const ProgramResult killed = test::run_and_meddle(sweep.run_arguments(), {.environment = sweep.environment()}, sweep.file().string(),
                                                    [&](pid_t program) { return server.completions() > 20 && ::kill(program, SIGKILL) == 0; });
  EXPECT_EQ(killed.ended_by, SIGKILL);
  const int asked = server.completions();
  ASSERT_GT(asked, 12) << "more than a saving interval";
  const ProgramResult run = sweep.run();
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_LT(server.completions() - asked, kScores + kGenerations) << "what was saved is not asked again";
  expect_own_scores(sweep);
}

TEST(Served, AnswersOfAFailedCellStand) {
  std::atomic<bool> is_well = false;
  const CompletionServer server(CompletionServer::Manner::kVllm, [&](int number, const ServerRequest&) -> std::optional<ServerReply> {
    return number < 20 || is_well ? std::nullopt : std::optional(ServerReply{.status = 500, .body = R"({"error": {"message": "engine died"}})"});
  });
  const SampleSweep sweep;
  sweep.write_file("sweep.json", sweep_over(server.endpoint(), R"(, "attempts": 2, "concurrency": 1)"));
  const ProgramResult failed = sweep.run();
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.errors, HasSubstr("/v1/completions: the server answers 500: {\"error\": {\"message\": \"engine died\"}} (after 2 attempts)"));
  is_well = true;
  const int asked = server.completions();
  const ProgramResult run = sweep.run();
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(server.completions() - asked, 2 + kScores - 16 + kGenerations)
      << "a probe by the sweep and one by its worker, and all but the four questions that were answered";
  expect_own_scores(sweep);
}

TEST(Served, StopsOnASignalWhileItWaits) {
  const CompletionServer server(CompletionServer::Manner::kVllm, [](int number, const ServerRequest&) -> std::optional<ServerReply> {
    return number < 2 ? std::nullopt  // the probes of the sweep and of its worker
                      : std::optional(ServerReply{.status = 429, .headers = {"Retry-After: 60"}});
  });
  const SampleSweep sweep;
  sweep.write_file("sweep.json", sweep_over(server.endpoint()));
  const ProgramResult run = test::run_and_meddle(sweep.run_arguments(), {.environment = sweep.environment()}, sweep.file().string(),
                                                 [&](pid_t program) { return server.completions() > 2 && ::kill(program, SIGTERM) == 0; });
  EXPECT_EQ(run.exit_code, 143) << run.errors;
  EXPECT_LT(run.seconds, 20);
  EXPECT_THAT(run.errors, HasSubstr("everything answered so far is saved"));
}

TEST(Served, StopsOnASignalWhileAWorkerAsksWhatTheServerIs) {
  const CompletionServer server(CompletionServer::Manner::kVllm, [](int number, const ServerRequest&) -> std::optional<ServerReply> {
    return number == 0 ? std::nullopt  // the probe of the sweep; its worker's has to wait
                       : std::optional(ServerReply{.status = 429, .headers = {"Retry-After: 60"}});
  });
  const SampleSweep sweep;
  sweep.write_file("sweep.json", sweep_over(server.endpoint()));
  const ProgramResult run = test::run_and_meddle(sweep.run_arguments(), {.environment = sweep.environment()}, sweep.file().string(),
                                                 [&](pid_t program) { return server.completions() == 2 && ::kill(program, SIGTERM) == 0; });
  EXPECT_EQ(run.exit_code, 143) << run.errors;
  EXPECT_THAT(run.errors, AllOf(HasSubstr("everything answered so far is saved"), Not(HasSubstr("cannot score"))));
}

TEST(Served, IsLookedAtBeforeAnythingIsRun) {
  const SampleSweep sweep;
  const auto refused = [&](const std::string& text, int code, const std::string& fault, const std::vector<std::string>& more = {}) {
    sweep.write_file("sweep.json", text);
    const ProgramResult run = sweep.run({}, more);
    EXPECT_EQ(run.exit_code, code) << run.errors;
    EXPECT_THAT(run.errors, HasSubstr(fault));
    EXPECT_EQ(std::count(run.errors.begin(), run.errors.end(), '\n'), 1) << run.errors;
    EXPECT_FALSE(std::filesystem::exists(sweep.store()));
    return run.errors;
  };
  const CompletionServer server, without_echo(CompletionServer::Manner::kWithoutEcho);
  refused(sweep_over(fmt::format("http://127.0.0.1:{}/v1", test::free_port())), 3, "model 'tiny': http://127.0.0.1:");
  refused(sweep_over(without_echo.endpoint()), 4, "model 'tiny': " + without_echo.endpoint() + " cannot score");
  refused(sweep_over(server.endpoint(), "", R"([{"label": "half", "steps": [{"pruner": "random", "experts_kept": 4}]}])"), 3,
          "a served model meets only a variant without steps");
  refused(sweep_over(server.endpoint(), R"(, "dtype": "f32")"), 3, "a served model has the weights and dtype that its server gives it");
  refused(sweep_over(server.endpoint(), R"(, "api_key": "sk-secret")"), 3, "a model does not know 'api_key'");
  EXPECT_THAT(refused(sweep_over("http://me:sk-secret@127.0.0.1/v1"), 3, "models[0].endpoint: it holds a user name or password"), Not(HasSubstr("secret")));
  EXPECT_THAT(refused(sweep_over(server.endpoint()), 3, "models[0].endpoint: ", {"--set", "models[0].endpoint=http://me:sk-secret@127.0.0.1/v1"}),
              Not(HasSubstr("secret")));
  EXPECT_THAT(
      refused(sweep_over(server.endpoint(), R"(, "api_key_env": "sk-secret")"), 3, "models[0].api_key_env: expected the name of an environment variable"),
      Not(HasSubstr("secret")));
}

TEST(Served, ItsKeyStandsNowhere) {
  CompletionServer server;
  server.expected_key = "sk-winnow-secret";
  const SampleSweep sweep;
  sweep.write_file("sweep.json", sweep_over(server.endpoint(), R"(, "api_key_env": "WINNOW_TEST_SERVED_KEY")"));
  const auto run = [&](const std::string& key, const std::vector<std::string>& more) {
    return sweep.run({.environment = {{"WINNOW_TEST_SERVED_KEY", key}}}, more);
  };
  std::string said;
  for (const ProgramResult& result : {run("sk-winnow-secret", {"--dry-run"}), run("sk-winnow-secret", {}), run("sk-winnow-wrong", {}),
                                      test::run_winnow({"report", sweep.store().string(), "--format", "json"})})
    said += result.output + result.errors;
  EXPECT_THAT(said,
              AllOf(HasSubstr("2 of 2 cells ran"), HasSubstr("the server answers 401: Incorrect API key provided: Bearer ***"), Not(HasSubstr("sk-winnow"))));
  EXPECT_THAT(all_bytes_in(sweep.folder().path()), AllOf(HasSubstr("WINNOW_TEST_SERVED_KEY"), Not(HasSubstr("sk-winnow"))));
}

}  // namespace
}  // namespace winnow
