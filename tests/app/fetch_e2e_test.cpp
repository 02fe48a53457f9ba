#include <filesystem>
#include <set>

#include "harness/api/dataset.h"
#include "harness/app/manifest.h"
#include "harness/core/digest.h"
#include "harness/core/json.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/http_server.h"
#include "tests/support/program.h"

namespace winnow {
namespace {

using test::HttpServer;
using test::ProgramResult;
using test::ServerReply;
using test::ServerRequest;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kRows = "{\"question\": \"1 + 1?\", \"answer\": \"#### 2\"}\n", kWiki = " = A = \n one \n";
const std::string kWikiThere = " = A = \r\n one \r\n";

Json file_entry(const std::string& path, const std::string& url, const std::string& bytes) {
  return {{"path", path}, {"url", url}, {"bytes", bytes.size()}, {"sha256", sha256_hex(bytes)}};
}

// A mirror of two data sets: one file in two, and one that no place has.
class Mirror {
 public:
  explicit Mirror(HttpServer::Handler handler = {}) : server_(handler ? handler : [](const ServerRequest& request) { return plain(request); }) {
    write("http://127.0.0.1:" + std::to_string(server_.port()));
  }

  static ServerReply plain(const ServerRequest& request) {
    const bool is_wiki = request.target.ends_with("wiki");
    return {.status = is_wiki || request.target.ends_with("rows") ? 200 : 404, .body = is_wiki ? kWikiThere : kRows};
  }
  void write(const std::string& origin) const {
    Json wiki = file_entry("wikitext2/wiki.test.raw", origin + "/wiki", kWiki);
    wiki["crlf"] = {{"bytes", kWikiThere.size()}, {"sha256", sha256_hex(kWikiThere)}};
    const Json manifest = {
        {"datasets",
         {{"gsm8k",
           {{"licence", "MIT"},
            {"source", "here"},
            {"files", Json::array({file_entry("gsm8k/test.jsonl", origin + "/rows", kRows), file_entry("gsm8k/more/train.jsonl", origin + "/rows", kRows)})}}},
          {"wikitext2",
           {{"licence", "CC BY-SA 3.0"},
            {"source", "there"},
            {"files", Json::array({wiki})},
            {"missing", Json::array({{{"path", "wikitext2/train"}, {"why", "it is an archive"}, {"instead", "unpack it"}}})}}}}}};
    folder_.write("manifest.json", manifest.dump());
  }
  ProgramResult fetch(std::vector<std::string> names, const std::map<std::string, std::string>& environment = {}) const {
    names.insert(names.begin(), "fetch");
    for (const char* word : {"--manifest", "--data"}) {
      names.push_back(word);
      names.push_back((folder_ / (std::string(word) == "--data" ? "data" : "manifest.json")).string());
    }
    return test::run_winnow(names, {.environment = environment});
  }
  std::filesystem::path data(const std::string& name) const { return folder_ / ("data/" + name); }
  const test::TemporaryFolder& folder() const { return folder_; }
  const HttpServer& server() const { return server_; }

  std::set<std::string> files() const {
    std::set<std::string> names;
    if (!std::filesystem::exists(folder_ / "data")) return names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "data")) {
      if (entry.is_regular_file()) names.insert(std::filesystem::relative(entry.path(), folder_ / "data").string());
    }
    return names;
  }

 private:
  test::TemporaryFolder folder_;
  HttpServer server_;
};

TEST(Fetch, BringsFilesAndThenLeavesThemAlone) {
  const Mirror mirror;
  const ProgramResult run = mirror.fetch({"gsm8k", "wikitext2"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(test::read_text(mirror.data("gsm8k/test.jsonl")), kRows);
  EXPECT_EQ(test::read_text(mirror.data("wikitext2/wiki.test.raw")), kWiki) << "CRLF became LF";
  EXPECT_EQ(mirror.files(), (std::set<std::string>{"gsm8k/test.jsonl", "gsm8k/more/train.jsonl", "wikitext2/wiki.test.raw"}));
  EXPECT_THAT(run.errors, AllOf(HasSubstr("gsm8k: 2 files fetched"), HasSubstr("wikitext2/train cannot be fetched: it is an archive; unpack it"),
                                HasSubstr("licence: MIT")));
  const int asked = mirror.server().requests();
  EXPECT_EQ(mirror.fetch({"all"}).exit_code, 0);
  EXPECT_EQ(mirror.server().requests(), asked);
}

TEST(Fetch, LeavesNothingOfAFileThatIsNotTheKnownOne) {
  const Mirror mirror([](const ServerRequest& request) {
    return request.target == "/rows" ? ServerReply{.body = "{\"question\": \"9 + 9?\", \"answer\": \"#### 2\"}\n"} : Mirror::plain(request);
  });
  const ProgramResult run = mirror.fetch({"gsm8k", "wikitext2"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("the sha256 of what the server sends is"), HasSubstr("not all files are there")));
  EXPECT_EQ(mirror.files(), std::set<std::string>{"wikitext2/wiki.test.raw"}) << "the next data set is fetched all the same";
}

TEST(Fetch, LeavesAloneWhatIsThere) {
  const Mirror mirror;
  mirror.folder().write("data/gsm8k/test.jsonl", "mine");
  const ProgramResult run = mirror.fetch({"gsm8k"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.errors, HasSubstr("test.jsonl is there with another sha256"));
  EXPECT_EQ(test::read_text(mirror.data("gsm8k/test.jsonl")), "mine");
  EXPECT_TRUE(std::filesystem::exists(mirror.data("gsm8k/more/train.jsonl")));
}

TEST(Fetch, NeedsAFolder) {
  const Mirror mirror;
  mirror.folder().write("data", "a file");
  const ProgramResult run = mirror.fetch({"gsm8k"});
  EXPECT_EQ(run.exit_code, 3) << run.errors;
  EXPECT_THAT(run.errors, HasSubstr("data/gsm8k: the folder cannot be made"));
}

TEST(Fetch, SaysWhatToDoOffLine) {
  const Mirror mirror;
  mirror.write("http://127.0.0.1:" + std::to_string(test::free_port()));
  const ProgramResult run = mirror.fetch({"gsm8k"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("after 5 attempts"), HasSubstr("Off line"), HasSubstr("copy the folder")));
}

TEST(Fetch, GoesThroughAProxy) {
  std::vector<std::string> targets;
  const Mirror mirror([&](const ServerRequest& request) {
    targets.push_back(request.target);
    return Mirror::plain(request);
  });
  mirror.write("http://data.invalid");
  const ProgramResult run = mirror.fetch({"gsm8k"}, {{"http_proxy", mirror.server().url()}, {"no_proxy", ""}});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_EQ(targets, (std::vector<std::string>{"http://data.invalid/rows", "http://data.invalid/rows"}));
}

TEST(Fetch, GoesOnAfterASignal) {
  std::atomic<bool> is_slow = true;
  const Mirror mirror([&](const ServerRequest& request) {
    ServerReply reply = Mirror::plain(request);
    if (is_slow) reply.seconds_between_bytes = 0.4;
    return reply;
  });
  const ProgramResult stopped =
      test::run_winnow({"fetch", "gsm8k", "--manifest", (mirror.folder() / "manifest.json").string(), "--data", (mirror.folder() / "data").string()},
                       {.signal_after = 4, .signal = SIGINT});
  EXPECT_EQ(stopped.exit_code, 130) << stopped.errors;
  EXPECT_TRUE(mirror.files().contains("gsm8k/test.jsonl.part"));
  EXPECT_FALSE(mirror.files().contains("gsm8k/test.jsonl"));
  is_slow = false;
  EXPECT_EQ(mirror.fetch({"gsm8k"}).exit_code, 0);
  EXPECT_EQ(test::read_text(mirror.data("gsm8k/test.jsonl")), kRows);
}

TEST(Fetch, ChecksItsCommandLineAndManifest) {
  const Mirror mirror;
  EXPECT_EQ(mirror.fetch({"gms8k"}).exit_code, 2);
  EXPECT_THAT(mirror.fetch({"gms8k"}).errors, HasSubstr("did you mean 'gsm8k'?"));
  EXPECT_EQ(mirror.fetch({}).exit_code, 2);
  const std::string sha(64, '0');
  for (const std::string& bad :
       {std::string(""), std::string("[]"), std::string("{}"), std::string(R"({"datasets": []})"), std::string(R"({"datasets": {"gsm8k": {}}})"),
        R"({"datasets": {"gsm8k": {"licence": "x", "source": "y", "files": [{"path": "../up", "url": "http://h/x", "bytes": 1, "sha256": ")" + sha +
            R"("}]}}})",
        R"({"datasets": {"gsm8k": {"licence": "x", "source": "y", "files": [{"path": "/etc/x", "url": "http://h/x", "bytes": 1, "sha256": ")" + sha +
            R"("}]}}})",
        R"({"datasets": {"gsm8k": {"licence": "x", "source": "y", "files": [{"path": "a", "url": "file:///etc/passwd", "bytes": 1, "sha256": ")" + sha +
            R"("}]}}})",
        R"({"datasets": {"gsm8k": {"licence": "x", "source": "y", "files": [{"path": "a", "url": "http://h/x", "bytes": -1, "sha256": ")" + sha + R"("}]}}})",
        std::string(
            R"({"datasets": {"gsm8k": {"licence": "x", "source": "y", "files": [{"path": "a", "url": "http://h/x", "bytes": 1, "sha256": "abc"}]}}})")}) {
    mirror.folder().write("manifest.json", bad);
    const ProgramResult run = mirror.fetch({"gsm8k"});
    EXPECT_EQ(run.exit_code, 3) << bad;
    EXPECT_THAT(run.errors, HasSubstr("manifest.json")) << bad;
  }
}

TEST(Fetch, ListsWhatThereIsAndWhatToDoAboutTheRest) {
  const ProgramResult run = test::run_winnow({"fetch", "--list"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.output, AllOf(HasSubstr("gsm8k/train.jsonl  4.2 MB  sha256 17f347dc"), HasSubstr("mmlu/test/virology_test.csv"),
                                HasSubstr("cannot be fetched"), HasSubstr("licence: ODC-BY")));
}

// The manifest holds what the data sets know, or fetched files would be refused.
TEST(Manifest, BringsFilesThatTheDataSetsKnow) {
  for (const ManifestEntry& entry : own_manifest()) {
    std::map<std::string, std::set<std::string>> known;
    const std::unique_ptr<Dataset> dataset = Registry<Dataset>::instance().make(entry.dataset);
    std::vector<std::string> subsets = dataset->subsets();
    if (subsets.empty()) subsets.emplace_back();
    for (const std::string& split : dataset->splits()) {
      for (const std::string& subset : subsets) {
        for (const DatasetFile& file : dataset->files(split, subset)) {
          for (const auto& [sha256, edition] : file.known) known[file.path].insert(sha256);
        }
      }
    }
    std::set<std::string> named;
    for (const ManifestFile& file : entry.files) {
      EXPECT_TRUE(known[file.path].contains(file.sha256)) << file.path;
      EXPECT_TRUE(file.remote.url.starts_with("https://")) << file.path;
      named.insert(file.path);
    }
    for (const MissingFile& file : entry.missing) named.insert(file.path);
    for (const auto& [path, digests] : known)
      EXPECT_TRUE(named.contains(path) || path.starts_with("mmlu/val/")) << path << " is neither to be fetched nor said to be missing";
  }
}

}  // namespace
}  // namespace winnow
