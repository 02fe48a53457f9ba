#include "harness/http/download.h"

#include "harness/core/digest.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/http_server.h"

namespace winnow {
namespace {

using test::HttpServer;
using test::ServerReply;
using test::ServerRequest;
using testing::HasSubstr;

const std::string& content() {
  static const std::string text = [] {
    std::string made;
    for (int i = 0; i < 20000; ++i) made += std::to_string(i * 7919) + "\n";
    return made;
  }();
  return text;
}

// A server that knows ranges and versions; `tag` is what it calls its file now.
ServerReply serve(const ServerRequest& request, const std::string& text, const std::string& tag = "\"v1\"") {
  const auto range = request.headers.find("range"), version = request.headers.find("if-range");
  if (range == request.headers.end() || (version != request.headers.end() && version->second != tag)) return {.body = text, .headers = {"ETag: " + tag}};
  const std::size_t from = std::stoul(range->second.substr(6));
  if (from >= text.size()) return {.status = 416};
  return {
      .status = 206,
      .body = text.substr(from),
      .headers = {"ETag: " + tag, "Content-Range: bytes " + std::to_string(from) + "-" + std::to_string(text.size() - 1) + "/" + std::to_string(text.size())}};
}

DownloadSettings quick() { return {.connect_seconds = 2, .stall_seconds = 1, .attempts = 3, .first_wait_seconds = 0.01, .longest_wait_seconds = 0.02}; }

struct Fetch {
  test::TemporaryFolder folder;
  std::filesystem::path part = folder / "file.part";
  RemoteFile file{"", content().size(), sha256_hex(content())};

  void from(const HttpServer& server) {
    file.url = server.url("/file");
    Downloader downloader(quick());
    EXPECT_EQ(downloader.fetch(file, part), Downloader::Outcome::kWhole);
    EXPECT_EQ(test::read_text(part), content());
    EXPECT_FALSE(std::filesystem::exists(part.string() + ".version"));
  }
  std::string fault(const HttpServer& server) {
    file.url = server.url("/file");
    Downloader downloader(quick());
    return test::error_text(ErrorKind::kInput, [&] { downloader.fetch(file, part); });
  }
};

TEST(Download, BringsTheKnownFile) {
  const HttpServer server([](const ServerRequest& request) { return serve(request, content()); });
  Fetch fetch;
  fetch.from(server);
  EXPECT_EQ(server.requests(), 1);
}

TEST(Download, GoesOnWhereTheConnectionBroke) {
  std::vector<std::string> ranges;
  const HttpServer server([&](const ServerRequest& request) {
    ranges.push_back(request.headers.contains("range") ? request.headers.at("range") : "");
    ServerReply reply = serve(request, content());
    if (ranges.size() < 6) reply.closed_after = reply.body.size() / 3;
    return reply;
  });
  Fetch fetch;
  fetch.from(server);
  ASSERT_EQ(ranges.size(), 6U) << "more attempts than may fail in a row: each brought something";
  EXPECT_EQ(ranges[0], "");
  EXPECT_EQ(ranges[1], "bytes=" + std::to_string(content().size() / 3) + "-");
}

TEST(Download, GoesOnWithWhatAnotherRunLeft) {
  std::string range, version;
  const HttpServer server([&](const ServerRequest& request) {
    range = request.headers.at("range");
    version = request.headers.at("if-range");
    return serve(request, content());
  });
  Fetch fetch;
  fetch.folder.write("file.part", content().substr(0, 1000));
  fetch.folder.write("file.part.version", "\"v1\"");
  fetch.from(server);
  EXPECT_EQ(range, "bytes=1000-");
  EXPECT_EQ(version, "\"v1\"");
}

TEST(Download, StartsAnewWhereTheFileHasChanged) {
  const HttpServer server([&](const ServerRequest& request) { return serve(request, content(), "\"v2\""); });
  Fetch fetch;
  fetch.folder.write("file.part", "the beginning of an older file");
  fetch.folder.write("file.part.version", "\"v1\"");
  fetch.from(server);
  EXPECT_EQ(server.requests(), 1);
}

TEST(Download, StartsAnewWhereWhatWasThereDoesNotFit) {
  const HttpServer server([&](const ServerRequest& request) { return serve(request, content()); });
  for (const std::string& left : {std::string(500, 'x'), content() + "more", std::string(content().size(), 'y')}) {
    Fetch fetch;
    fetch.folder.write("file.part", left);
    fetch.from(server);
  }
}

TEST(Download, TakesTheWholeFileFromAServerWithoutRanges) {
  const HttpServer server([&](const ServerRequest&) { return ServerReply{.body = content()}; });
  Fetch fetch;
  fetch.folder.write("file.part", content().substr(0, 1000));
  fetch.from(server);
}

TEST(Download, FollowsRedirects) {
  const HttpServer server([&](const ServerRequest& request) {
    if (request.target == "/file") return ServerReply{.status = 302, .headers = {"Location: /there"}};
    if (request.target == "/there") return ServerReply{.status = 301, .body = "moved", .headers = {"Location: /here"}};
    return serve(request, content());
  });
  Fetch fetch;
  fetch.from(server);
}

TEST(Download, WaitsOutABusyServer) {
  std::atomic<int> number = 0;
  const HttpServer server([&](const ServerRequest& request) { return number++ < 2 ? ServerReply{.status = 503, .body = "busy"} : serve(request, content()); });
  Fetch fetch;
  fetch.from(server);
}

TEST(Download, RefusesWhatIsNotTheFile) {
  struct Bad {
    ServerReply reply;
    std::string fault;
  };
  std::string other = content();
  other[100] = 'x';
  const std::vector<Bad> replies = {
      {{.body = other}, "the sha256 of what the server sends is "},
      {{.body = content().substr(0, 500)}, "the server sends 500 bytes, expected "},
      {{.body = ""}, "the server sends 0 bytes, expected "},
      {{.body = content() + "x"}, "the server sends more than the "},
      {{.body = std::string(1 << 16, 'x'), .is_endless = true}, "the server sends more than the "},
      {{.status = 404, .body = "<html>no</html>"}, "the server answers 404, expected the file"},
      {{.status = 403}, "the server answers 403"},
      {{.status = 500}, "the server answers 500 (after 3 attempts)"},
      {{.is_dropped = true}, "the connection was closed without a reply (after 3 attempts)"},
      {{.status = 302, .headers = {"Location: /file"}}, "redirects"},
      {{.status = 302, .headers = {"Location: file:///etc/passwd"}}, "file"},
      {{.wait_seconds = 10}, "no reply in time (after 3 attempts)"},
      {{.status = 206, .body = content(), .headers = {"Content-Range: bytes 5-9/10"}}, "expected the bytes from 0 on"},
  };
  for (const Bad& bad : replies) {
    const HttpServer server([&](const ServerRequest&) { return bad.reply; });
    Fetch fetch;
    EXPECT_THAT(fetch.fault(server), HasSubstr(bad.fault)) << bad.reply.status;
    const bool is_there = std::filesystem::exists(fetch.part) && std::filesystem::file_size(fetch.part) > 0;
    EXPECT_FALSE(is_there) << bad.fault;
  }
}

TEST(Download, KeepsWhatCameWhenItShouldStop) {
  const HttpServer server([&](const ServerRequest& request) {
    ServerReply reply = serve(request, content());
    reply.stated_length = reply.body.size();
    reply.body.resize(1000);
    reply.wait_seconds = 0;
    reply.seconds_between_bytes = 0.01;
    return reply;
  });
  Fetch fetch;
  fetch.file.url = server.url("/file");
  DownloadSettings settings = quick();
  settings.should_stop = [&] { return std::filesystem::exists(fetch.part) && std::filesystem::file_size(fetch.part) > 20; };
  Downloader downloader(settings);
  EXPECT_EQ(downloader.fetch(fetch.file, fetch.part), Downloader::Outcome::kStopped);
  EXPECT_EQ(test::read_text(fetch.part), content().substr(0, std::filesystem::file_size(fetch.part)));
}

TEST(Download, OneProcessAtATime) {
  const HttpServer server([&](const ServerRequest& request) { return serve(request, content()); });
  Fetch fetch;
  fetch.file.url = server.url("/file");
  std::string second;
  DownloadSettings settings = quick();
  settings.on_progress = [&](std::uint64_t) {
    if (!second.empty()) return;
    Downloader other(quick());
    second = test::error_text(ErrorKind::kInput, [&] { other.fetch(fetch.file, fetch.part); });
  };
  Downloader downloader(settings);
  EXPECT_EQ(downloader.fetch(fetch.file, fetch.part), Downloader::Outcome::kWhole);
  EXPECT_THAT(second, HasSubstr("another process is fetching this file"));
}

TEST(Download, LeavesLinksAlone) {
  const HttpServer server([&](const ServerRequest& request) { return serve(request, content()); });
  Fetch fetch;
  const auto victim = fetch.folder.write("victim", "precious");
  std::filesystem::create_symlink(victim, fetch.part);
  EXPECT_THAT(fetch.fault(server), HasSubstr("cannot be written"));
  EXPECT_EQ(test::read_text(victim), "precious");
}

}  // namespace
}  // namespace winnow
