#include "harness/http/client.h"

#include <chrono>
#include <set>

#include "tests/support/errors.h"
#include "tests/support/http_server.h"

namespace winnow {
namespace {

using test::HttpServer;
using test::ServerReply;
using test::ServerRequest;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

HttpSettings quick() {
  return {.concurrency = 4,
          .connect_seconds = 2,
          .reply_seconds = 2,
          .attempts = 4,
          .connect_attempts = 2,
          .first_wait_seconds = 0.01,
          .longest_wait_seconds = 0.05};
}

double seconds_of(const std::function<void()>& act) {
  const auto start = std::chrono::steady_clock::now();
  act();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Replies to bodies "0" … "count - 1", each taken once; their texts by index.
std::vector<std::string> run(HttpClient& client, const HttpServer& server, std::size_t count) {
  std::vector<std::string> replies(count);
  client.run({.count = count,
              .request =
                  [&](std::size_t index) {
                    return HttpRequest{server.url("/x"), std::to_string(index)};
                  },
              .take =
                  [&](std::size_t index, const HttpReply& reply) {
                    EXPECT_EQ(replies[index], "") << "taken twice";
                    EXPECT_EQ(reply.status, 200);
                    replies[index] = reply.body;
                    return ReplyVerdict{};
                  }});
  return replies;
}

HttpReply ask(HttpClient& client, const HttpRequest& request) {
  HttpReply taken;
  client.run({.count = 1,
              .request = [&](std::size_t) { return request; },
              .take =
                  [&](std::size_t, const HttpReply& reply) {
                    taken = reply;
                    return ReplyVerdict{};
                  }});
  return taken;
}

TEST(HttpClient, AsksManyAtATimeAndGetsEachReplyOnce) {
  const HttpServer server([](const ServerRequest& request) { return ServerReply{.body = "re " + request.body, .wait_seconds = 0.02}; });
  HttpClient client(quick());
  const std::vector<std::string> replies = run(client, server, 40);
  for (std::size_t i = 0; i < replies.size(); ++i) EXPECT_EQ(replies[i], "re " + std::to_string(i));
  EXPECT_EQ(server.requests(), 40);
  EXPECT_EQ(server.most_at_once(), 4);
}

TEST(HttpClient, TriesAgainWhatMayPass) {
  const ServerReply faults[] = {
      {.status = 500, .body = "oops"},     {.status = 429, .body = "slowly"}, {.status = 503}, {.is_dropped = true}, {.body = "re", .stated_length = 100},
      {.body = "re 1", .closed_after = 2}, {.body = "re", .closed_after = 0}, {.status = 408}};
  for (const ServerReply& fault : faults) {
    std::atomic<int> number = 0;
    const HttpServer server([&](const ServerRequest& request) { return number++ % 2 == 0 ? fault : ServerReply{.body = "re " + request.body}; });
    HttpSettings settings = quick();
    settings.attempts = 40;
    HttpClient client(settings);
    const std::vector<std::string> replies = run(client, server, 10);
    for (std::size_t i = 0; i < replies.size(); ++i) EXPECT_EQ(replies[i], "re " + std::to_string(i)) << fault.status;
  }
}

TEST(HttpClient, GivesUpWithASentence) {
  const auto sentence = [](ServerReply reply) {
    const HttpServer server([&](const ServerRequest&) { return reply; });
    HttpSettings settings = quick();
    settings.reply_seconds = 0.2;
    settings.max_reply_bytes = 1000;
    HttpClient client(settings);
    return test::error_text(ErrorKind::kInput, [&] { ask(client, {server.url("/x"), ""}); });
  };
  EXPECT_THAT(sentence({.status = 500, .body = "model \x1b[2J crashed"}),
              AllOf(HasSubstr("/x: the server answers 500: model \\x1b[2J crashed (after 4 attempts)")));
  EXPECT_THAT(sentence({.is_dropped = true}), HasSubstr("the connection was closed without a reply (after 4 attempts)"));
  EXPECT_THAT(sentence({.body = "cut", .stated_length = 30, .closed_after = 3}),
              HasSubstr("the connection was closed in the middle of the reply (after 4 attempts)"));
  EXPECT_THAT(sentence({.wait_seconds = 1}), HasSubstr("no reply in time (after 4 attempts)"));
  EXPECT_THAT(sentence({.body = std::string(100, 'x'), .seconds_between_bytes = 0.05}), HasSubstr("no reply in time"));
  EXPECT_THAT(sentence({.body = std::string(2000, 'x')}), HasSubstr("the reply is larger than 1000 bytes"));
  EXPECT_THAT(sentence({.body = std::string(200, 'x'), .is_endless = true}), HasSubstr("the reply is larger than 1000 bytes"));
  EXPECT_THAT(sentence({.headers = std::vector<std::string>(3000, "X-Long: " + std::string(200, 'x'))}), HasSubstr("larger than"));
  EXPECT_THAT(sentence({.status = 429, .headers = {"Retry-After: 5000"}}), HasSubstr("it asks to wait for 5000 s, which is longer than this program waits"));
}

TEST(HttpClient, TellsWhereNobodyListens) {
  HttpClient client(quick());
  const std::string url = "http://127.0.0.1:" + std::to_string(test::free_port());
  EXPECT_ERROR_THAT(ask(client, {url, ""}), kInput, AllOf(HasSubstr(url + ": "), HasSubstr("(after 2 attempts)")));
}

TEST(HttpClient, WaitsAsLongAsTheServerAsks) {
  std::atomic<int> number = 0;
  const HttpServer server(
      [&](const ServerRequest&) { return number++ == 0 ? ServerReply{.status = 429, .headers = {"Retry-After: 1"}} : ServerReply{.body = "now"}; });
  HttpClient client(quick());
  EXPECT_GE(seconds_of([&] { run(client, server, 3); }), 0.99);
}

TEST(HttpClient, KeepsToItsRate) {
  const HttpServer server([](const ServerRequest&) { return ServerReply{.body = "x"}; });
  HttpSettings settings = quick();
  settings.requests_per_second = 50;
  HttpClient client(settings);
  EXPECT_GE(seconds_of([&] { run(client, server, 11); }), 0.19);
}

TEST(HttpClient, FollowsNoRedirect) {
  const HttpServer elsewhere([](const ServerRequest&) { return ServerReply{.body = "stolen"}; });
  const HttpServer server([&](const ServerRequest&) { return ServerReply{.status = 302, .headers = {"Location: " + elsewhere.url("/")}}; });
  HttpSettings settings = quick();
  settings.bearer = "sk-test";
  HttpClient client(settings);
  EXPECT_EQ(ask(client, {server.url("/x"), "{}"}).status, 302);
  EXPECT_EQ(elsewhere.requests(), 0);
}

TEST(HttpClient, SendsItsKeyAndRepeatsItNowhere) {
  std::set<std::string> seen;
  const HttpServer server([&](const ServerRequest& request) {
    seen.insert(request.headers.at("authorization"));
    return ServerReply{.status = 500, .body = "bad key sk-test, I say: sk-test"};
  });
  HttpSettings settings = quick();
  settings.bearer = "sk-test";
  HttpClient client(settings);
  EXPECT_ERROR_THAT(ask(client, {server.url("/x"), "{}"}), kInput, AllOf(HasSubstr("bad key ***, I say: ***"), Not(HasSubstr("sk-test"))));
  EXPECT_EQ(seen, std::set<std::string>{"Bearer sk-test"});
}

TEST(HttpClient, RepeatsItsKeyNeitherCutNorEscaped) {
  HttpSettings settings = quick();
  settings.bearer = "sk-te/st";
  for (const std::string& body : {std::string(295, 'x') + "sk-te/st", std::string(R"({"error": "bad key sk-te\/st"})")}) {
    const HttpServer server([&](const ServerRequest&) { return ServerReply{.status = 500, .body = body}; });
    HttpClient client(settings);
    EXPECT_ERROR_THAT(ask(client, {server.url("/x"), "{}"}), kInput, Not(HasSubstr("sk-")));
  }
  settings.bearer = "***";  // as it is shown
  const HttpServer server([](const ServerRequest&) { return ServerReply{.status = 500, .body = "bad key ***"}; });
  HttpClient client(settings);
  EXPECT_ERROR_HAS(ask(client, {server.url("/x"), "{}"}), kInput, "bad key ***");
}

// One that says no word about when: its limit is on all requests together.
TEST(HttpClient, GoesSlowlyWhereTheServerIsBusy) {
  std::mutex mutex;
  std::chrono::steady_clock::time_point last{};
  const HttpServer server([&](const ServerRequest& request) {
    const std::scoped_lock lock(mutex);
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::milliseconds(20)) return ServerReply{.status = 429, .body = "slowly"};
    last = now;
    return ServerReply{.body = "re " + request.body};
  });
  HttpClient client(quick());
  const std::vector<std::string> replies = run(client, server, 40);
  for (std::size_t i = 0; i < replies.size(); ++i) EXPECT_EQ(replies[i], "re " + std::to_string(i));
}

TEST(HttpClient, AsksAgainForAReplyThatItsTakerCannotUse) {
  std::atomic<int> number = 0;
  const HttpServer server([&](const ServerRequest&) { return ServerReply{.body = number++ < 2 ? "{\"cut" : "{}"}; });
  HttpClient client(quick());
  int taken = 0;
  const auto take = [&](std::size_t, const HttpReply& reply) -> ReplyVerdict {
    if (reply.body != "{}") return {ReplyVerdict::Kind::kFaulty, "cut JSON"};
    ++taken;
    return {};
  };
  client.run({.count = 1, .request = [&](std::size_t) { return HttpRequest{server.url("/"), ""}; }, .take = take});
  EXPECT_EQ(taken, 1);
  number = -10;
  EXPECT_ERROR_HAS(client.run({.count = 1,
                               .request =
                                   [&](std::size_t) {
                                     return HttpRequest{server.url("/"), ""};
                                   },
                               .take = take}),
                   kInput, "cut JSON (after 4 attempts)");
}

TEST(HttpClient, StopsWhenItsTakerHasEnoughAndWhenItShould) {
  const HttpServer server([](const ServerRequest&) { return ServerReply{.body = "x"}; });
  HttpClient client(quick());
  int taken = 0;
  client.run({.count = 100,
              .request =
                  [&](std::size_t) {
                    return HttpRequest{server.url("/"), ""};
                  },
              .take = [&](std::size_t, const HttpReply&) { return ReplyVerdict{++taken == 3 ? ReplyVerdict::Kind::kEnough : ReplyVerdict::Kind::kTaken}; }});
  EXPECT_EQ(taken, 3);

  const HttpServer never([](const ServerRequest&) { return ServerReply{.wait_seconds = 30}; });
  HttpSettings settings = quick();
  settings.reply_seconds = 30;
  const auto start = std::chrono::steady_clock::now();
  settings.should_stop = [&] { return std::chrono::steady_clock::now() - start > std::chrono::milliseconds(200); };
  HttpClient stopping(settings);
  EXPECT_LT(seconds_of([&] { run(stopping, never, 5); }), 2);
}

}  // namespace
}  // namespace winnow
