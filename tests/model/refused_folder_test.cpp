#include <sys/stat.h>

#include "tests/model/refused_case.h"

namespace winnow::test {
namespace {

namespace fs = std::filesystem;
constexpr ErrorKind kInput = ErrorKind::kInput;
constexpr ErrorKind kUnsupported = ErrorKind::kUnsupported;
constexpr const char* kIndexFile = "model.safetensors.index.json: ";

std::function<void(TinyModel&)> sharded(std::function<void(TinyModel&)> spoil, std::size_t count = 2) {
  return [spoil, count](TinyModel& model) {
    model.shard(count);
    spoil(model);
  };
}
// Puts the first tensor of the map somewhere else.
std::function<void(TinyModel&)> first_in(const Json& shard) {
  return sharded([shard](TinyModel& model) { model.index["weight_map"].begin().value() = shard; });
}
std::function<void(TinyModel&)> in_folder(std::function<void(const fs::path&)> act) {
  return [act](TinyModel& model) { model.after = act; };
}

TEST(RefusedIndex, ShardsThatLieElsewhere) {
  expect_all_refused({
      {"parent folder", first_in("../model-00001-of-00002.safetensors"), {kIndexFile, "\"../model-00001-of-00002.safetensors\"", "bare name"}},
      {"dotted path", first_in("./../x.safetensors"), {kIndexFile, "bare name"}},
      {"absolute path", first_in("/etc/passwd.safetensors"), {kIndexFile, "\"/etc/passwd.safetensors\""}},
      {"sub-folder", first_in("shards/model.safetensors"), {kIndexFile, "bare name"}},
      {"backslashes", first_in("..\\x.safetensors"), {kIndexFile, "bare name"}},
      {"a NUL inside", first_in(std::string("a\0.safetensors", 14)), {kIndexFile, "bare name"}},
      {"dots", first_in(".."), {kIndexFile, "bare name"}},
      {"no name", first_in(""), {kIndexFile, "bare name"}},
      {"a number", first_in(7), {kIndexFile, "7"}},
      {"a pickle", first_in("pytorch_model-00001.bin"), {kIndexFile, "pytorch_model-00001.bin"}, kUnsupported},
  });
}

TEST(RefusedIndex, StoriesThatDoNotAgree) {
  const std::string first = TinyModel::shard_name(1, 2), second = TinyModel::shard_name(2, 2);
  const auto index_text = [](const std::string& text) { return sharded([text](TinyModel& model) { model.index_text = text; }); };
  expect_all_refused({
      {"a shard is missing",
       sharded([=](TinyModel& model) { model.after = [=](const fs::path& folder) { fs::remove(folder / second); }; }),
       {kIndexFile, second, "missing"}},
      {"a shard that never was", first_in("model-00003-of-00002.safetensors"), {kIndexFile, "model-00003-of-00002.safetensors", "missing"}},
      {"a ghost tensor",
       sharded([=](TinyModel& model) { model.index["weight_map"]["model.ghost.weight"] = first; }),
       {kIndexFile, "\"model.ghost.weight\"", "no such tensor"}},
      {"in the other shard",
       sharded([=](TinyModel& model) { model.index["weight_map"]["lm_head.weight"] = model.index["weight_map"]["lm_head.weight"] == first ? second : first; }),
       {kIndexFile, "\"lm_head.weight\"", "but it is in"}},
      {"not listed", sharded([](TinyModel& model) { model.index["weight_map"].erase("lm_head.weight"); }), {kIndexFile, "does not list \"lm_head.weight\""}},
      {"in two shards", sharded([=](TinyModel& model) { model.shards[first].push_back(model.shards[second].front()); }), {kIndexFile, "in two shards"}},
      {"total_size of another model",
       sharded([](TinyModel& model) { model.index["metadata"]["total_size"] = 93405585408; }),
       {kIndexFile, "'metadata.total_size' is 93405585408"}},
      {"total_size negative", sharded([](TinyModel& model) { model.index["metadata"]["total_size"] = -1; }), {kIndexFile, "'metadata.total_size' is -1"}},
      {"total_size a string", sharded([](TinyModel& model) { model.index["metadata"]["total_size"] = "9"; }), {kIndexFile, "'metadata.total_size' is \"9\""}},
      {"total_size fractional", sharded([](TinyModel& model) { model.index["metadata"]["total_size"] = 12.5; }), {kIndexFile, "12.5"}},
      {"metadata a list", sharded([](TinyModel& model) { model.index["metadata"] = Json::array({1}); }), {kIndexFile, "'metadata'"}},
      {"no weight_map", sharded([](TinyModel& model) { model.index.erase("weight_map"); }), {kIndexFile, "'weight_map' is missing"}},
      {"weight_map a list", sharded([](TinyModel& model) { model.index["weight_map"] = Json::array({1}); }), {kIndexFile, "'weight_map'"}},
      {"weight_map empty", sharded([](TinyModel& model) { model.index["weight_map"] = Json::object(); }), {kIndexFile, "'weight_map'"}},
      {"index a list", index_text("[]"), {kIndexFile, "object"}},
      {"index cut off", index_text("{\"weight_map\": {"), {"index.json", "not valid JSON"}},
      {"index with a duplicate", index_text("{\"weight_map\": {\"a\": \"x.safetensors\", \"a\": \"x.safetensors\"}}"), {"index.json", "'a' stands twice"}},
      {"index a git-lfs pointer", index_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4988\n"), {kIndexFile, "git-lfs pointer"}},
      {"empty shard",
       sharded([=](TinyModel& model) { model.after = [=](const fs::path& folder) { write_bytes(folder / second, ""); }; }),
       {second, "is empty"}},
      {"short shard",
       sharded([=](TinyModel& model) { model.after = [=](const fs::path& folder) { fs::resize_file(folder / second, fs::file_size(folder / second) - 6); }; }),
       {second, "ends 6 bytes early"}},
      {"shard a git-lfs pointer",
       sharded([=](TinyModel& model) {
         model.after = [=](const fs::path& folder) { write_bytes(folder / first, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"); };
       }),
       {first, "git-lfs pointer"}},
      {"shards and a single file",
       sharded([](TinyModel& model) {
         model.after = [bytes = model.file_of(model.tensors)](const fs::path& folder) { write_bytes(folder / "model.safetensors", bytes); };
       }),
       {"both model.safetensors and model.safetensors.index.json"}},
      {"shards without an index",
       sharded([](TinyModel& model) { model.after = [](const fs::path& folder) { fs::remove(folder / "model.safetensors.index.json"); }; }),
       {kIndexFile, "is missing"}},
  });
}

TEST(RefusedFolder, FilesOfTheWrongKind) {
  const auto put = [](const std::string& name, std::function<void(const fs::path&)> make) {
    return in_folder([=](const fs::path& folder) {
      fs::remove(folder / name);
      make(folder / name);
    });
  };
  const auto fifo = [](const fs::path& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); };
  const auto link = [](const std::string& target) { return [target](const fs::path& path) { fs::create_symlink(target, path); }; };
  const auto folder = [](const fs::path& path) { fs::create_directory(path); };
  const auto nothing = [](const fs::path&) {};
  expect_all_refused({
      {"weights a FIFO", put("model.safetensors", fifo), {"model.safetensors: ", "not a regular file"}},
      {"config a FIFO", put("config.json", fifo), {"config.json: ", "not a regular file"}},
      {"weights a folder", put("model.safetensors", folder), {"model.safetensors: ", "not a regular file"}},
      {"config a folder", put("config.json", folder), {"config.json: ", "not a regular file"}},
      {"weights endless zeros", put("model.safetensors", link("/dev/zero")), {"not a regular file"}},
      {"config endless zeros", put("config.json", link("/dev/zero")), {"not a regular file"}},
      {"config empty", put("config.json", [](const fs::path& path) { write_bytes(path, ""); }), {"config.json: ", "is empty"}},
      {"weights a dangling link", put("model.safetensors", link("nowhere.safetensors")), {"link to nowhere.safetensors"}},
      {"weights a link to itself", put("model.safetensors", link("model.safetensors")), {"model.safetensors: "}},
      {"download not finished", put("model.safetensors", link("../../blobs/0123456789abcdef")), {"download is not finished", "hf download"}},
      {"config not finished", put("config.json", link("../../blobs/0123456789abcdef")), {"config.json: ", "download is not finished"}},
      {"no config", put("config.json", nothing), {"has no config.json"}},
      {"no weights", put("model.safetensors", nothing), {"holds no weights"}},
      {"pickles only",
       put("model.safetensors", [](const fs::path& path) { write_bytes(path.parent_path() / "pytorch_model.bin", "PK"); }),
       {"pytorch_model.bin"},
       kUnsupported},
      {"GGUF only", put("model.safetensors", [](const fs::path& path) { write_bytes(path.parent_path() / "q4.gguf", "GGUF"); }), {"q4.gguf"}, kUnsupported},
      {"the release's own layout",
       put("config.json", [](const fs::path& path) { write_bytes(path.parent_path() / "params.json", "{}"); }),
       {"params.json"},
       kUnsupported},
      {"a repository of the cache",
       put("config.json", [](const fs::path& path) { fs::create_directory(path.parent_path() / "snapshots"); }),
       {"snapshots/", "org/name"}},
  });
}

TEST(RefusedFolder, FoldersThatAreNone) {
  TemporaryFolder temporary;
  temporary.write("file", "text");
  EXPECT_ERROR(Checkpoint::open(temporary / "nowhere"), kInput, (temporary / "nowhere").string() + ": there is no such folder");
  EXPECT_ERROR_HAS(Checkpoint::open(temporary / "file"), kInput, "is not a folder");
}

TEST(RefusedFolder, ShardsOutsideAreNotEvenOpened) {
  TemporaryFolder temporary;
  TinyModel model;
  model.shard(2);
  model.index["weight_map"].begin().value() = "../outside.safetensors";
  model.write(temporary / "model");
  ASSERT_EQ(::mkfifo((temporary / "outside.safetensors").c_str(), 0600), 0);
  EXPECT_ERROR_HAS(Checkpoint::open(temporary / "model"), kInput, "bare name");
}

}  // namespace
}  // namespace winnow::test
