#include "harness/model/checkpoint.h"

#include <ATen/ATen.h>

#include <chrono>

#include "harness/core/digest.h"
#include "harness/model/finite_scan.h"
#include "tests/model/tiny_model.h"
#include "tests/support/errors.h"

namespace winnow::test {
namespace {

namespace fs = std::filesystem;

// Sets a variable of the environment for one test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    const char* old = std::getenv(name);
    if (old) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

void make_older(const fs::path& file) { fs::last_write_time(file, fs::last_write_time(file) - std::chrono::hours(1)); }

class CheckpointTest : public ::testing::Test {
 protected:
  TemporaryFolder temporary;
  fs::path folder = temporary / "model";
  Variable cache{"WINNOW_CACHE", (temporary / "cache").string()};
};

TEST_F(CheckpointTest, ATensorOutlivesItsCheckpoint) {
  TinyModel model;
  model.write(folder);
  at::Tensor norm;
  {
    const std::unique_ptr<Checkpoint> checkpoint = Checkpoint::open(folder);
    for (const TensorSpec& spec : checkpoint->tensors()) {
      if (spec.role == Role::kFinalNorm) norm = checkpoint->read(spec);
      checkpoint->release(spec);
    }
  }
  EXPECT_EQ(std::memcmp(norm.const_data_ptr(), model.tensor("model.norm.weight").bytes.data(), norm.nbytes()), 0);
}

TEST_F(CheckpointTest, UnalignedTensorsAreReadRight) {
  TinyModel model;
  model.edit_header_text = [](std::string& text) { text += std::string(text.size() % 2 == 0 ? 1 : 2, ' '); };
  model.write(folder);
  const std::unique_ptr<Checkpoint> checkpoint = Checkpoint::open(folder);
  for (const TensorSpec& spec : checkpoint->tensors()) {
    const at::Tensor tensor = checkpoint->read(spec);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr()) % 2, 0u);
    EXPECT_EQ(std::memcmp(tensor.const_data_ptr(), model.tensor(spec.name).bytes.data(), tensor.nbytes()), 0) << spec.name;
  }
}

TEST_F(CheckpointTest, TheHeaderDigestNamesShapesAndTheContentDigestEveryByte) {
  TinyModel model;
  model.write(folder);
  const std::string header = Checkpoint::open(folder)->header_sha256(), content = Checkpoint::open(folder)->content_sha256();
  EXPECT_EQ(Checkpoint::open(folder)->header_sha256(), header);
  model.tensor("lm_head.weight").bytes[5] ^= 1;
  model.write(temporary / "one bit");
  EXPECT_EQ(Checkpoint::open(temporary / "one bit")->header_sha256(), header);
  EXPECT_NE(Checkpoint::open(temporary / "one bit")->content_sha256(), content);
  model.config["rms_norm_eps"] = 1e-6;
  model.write(temporary / "other config");
  EXPECT_NE(Checkpoint::open(temporary / "other config")->header_sha256(), header);
  TinyModel same;
  same.write(temporary / "copy");
  EXPECT_EQ(Checkpoint::open(temporary / "copy")->content_sha256(), content);
}

TEST_F(CheckpointTest, TheContentDigestIsKeptByPathSizeAndTime) {
  TinyModel().write(folder);
  const fs::path weights = folder / "model.safetensors";
  make_older(weights);
  const std::string content = Checkpoint::open(folder)->content_sha256();
  ASSERT_TRUE(fs::exists(temporary / "cache" / "digests"));
  const fs::path entry = fs::directory_iterator(temporary / "cache" / "digests")->path();

  // A cached digest is believed: a planted one shows that the bytes are not read again …
  std::string text = read_text(entry);
  const std::string planted(64, 'f');
  text.replace(text.find("sha256\":\"") + 9, 64, planted);
  write_bytes(entry, text);
  EXPECT_NE(Checkpoint::open(folder)->content_sha256(), content);
  // … a corrupt entry is not …
  for (const char* corrupt : {"", "{", "[]", "{\"sha256\": 7}", "{\"sha256\": \"ffff\"}"}) {
    write_bytes(entry, corrupt);
    EXPECT_EQ(Checkpoint::open(folder)->content_sha256(), content) << corrupt;
  }
  // … nor one of another time.
  write_bytes(entry, text);
  make_older(weights);
  EXPECT_EQ(Checkpoint::open(folder)->content_sha256(), content);
}

TEST_F(CheckpointTest, AFileJustWrittenIsNotCached) {
  TinyModel().write(folder);
  Checkpoint::open(folder)->content_sha256();
  EXPECT_FALSE(fs::exists(temporary / "cache" / "digests"));
}

TEST_F(CheckpointTest, ACacheThatCannotBeWrittenDoesNoHarm) {
  TinyModel().write(folder);
  make_older(folder / "model.safetensors");
  temporary.write("file", "in the way");
  const Variable blocked("WINNOW_CACHE", (temporary / "file" / "cache").string());
  EXPECT_EQ(Checkpoint::open(folder)->content_sha256().size(), 64u);
}

TEST_F(CheckpointTest, NoticesThatAFileChanged) {
  TinyModel model;
  model.shard(2);
  model.write(folder);
  const std::unique_ptr<Checkpoint> checkpoint = Checkpoint::open(folder);
  checkpoint->check_unchanged();
  for (const fs::path& file : {folder / "config.json", folder / "model.safetensors.index.json", folder / TinyModel::shard_name(2, 2)}) {
    const auto time = fs::last_write_time(file);
    fs::last_write_time(file, time + std::chrono::seconds(1));
    EXPECT_ERROR(checkpoint->check_unchanged(), kInput, file.string() + ": changed since the model was opened; nothing measured on it can be kept");
    fs::last_write_time(file, time);
    checkpoint->check_unchanged();
  }
  fs::remove(folder / "config.json");
  EXPECT_ERROR_HAS(checkpoint->check_unchanged(), kInput, "config.json");
}

TEST_F(CheckpointTest, AFileThatShrinksWhileOpenIsAnErrorNotASignal) {
  TinyModel().write(folder);
  const std::unique_ptr<Checkpoint> checkpoint = Checkpoint::open(folder);
  fs::resize_file(folder / "model.safetensors", 4096);
  EXPECT_ERROR_HAS(checkpoint->read(checkpoint->tensors().back()), kInput, "has become shorter");
}

TEST(FiniteScan, FindsTheFirstOfEachKindAtAnyPlace) {
  for (const std::size_t size : {1u, 7u, 2048u, 2049u, 5000u}) {
    for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
      for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
        for (const auto& [dtype, word] : {std::pair{at::kFloat, "f32"}, {at::kHalf, "f16"}, {at::kBFloat16, "bf16"}}) {
          at::Tensor tensor = at::full({static_cast<std::int64_t>(size)}, -1.5).to(dtype);
          const std::string_view bytes(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
          EXPECT_EQ(first_not_finite(bytes, word), std::nullopt);
          tensor[static_cast<std::int64_t>(at)] = value;
          EXPECT_EQ(first_not_finite(bytes, word), static_cast<std::int64_t>(at)) << word << " " << size;
        }
      }
    }
  }
  // The largest finite numbers are finite.
  const at::Tensor largest = at::full({8}, 65504.0).to(at::kHalf);
  EXPECT_EQ(first_not_finite({static_cast<const char*>(largest.const_data_ptr()), largest.nbytes()}, "f16"), std::nullopt);
}

TEST_F(CheckpointTest, FindsAModelByItsHubName) {
  const fs::path cache = temporary / "hub";
  const Variable hub("HF_HUB_CACHE", cache.string());
  const fs::path repository = cache / "models--org--tiny.v1";
  const std::string main(40, 'a'), other(40, 'b');
  for (const std::string& commit : {main, other}) fs::create_directories(repository / "snapshots" / commit);
  fs::create_directories(repository / "refs" / "refs" / "pr");
  write_bytes(repository / "refs" / "main", main);
  write_bytes(repository / "refs" / "refs" / "pr" / "3", other + "\n");
  EXPECT_EQ(find_model_folder("org/tiny.v1"), repository / "snapshots" / main);
  EXPECT_EQ(find_model_folder("org/tiny.v1@main"), repository / "snapshots" / main);
  EXPECT_EQ(find_model_folder("org/tiny.v1@refs/pr/3"), repository / "snapshots" / other);
  EXPECT_EQ(find_model_folder("org/tiny.v1@" + other), repository / "snapshots" / other);
  EXPECT_EQ(find_model_folder(repository.string()), repository);

  EXPECT_ERROR(find_model_folder("org/other"), kInput,
               "org/other: is no folder, and the Hugging Face cache (" + cache.string() + ") does not have it; run `hf download org/other`");
  EXPECT_ERROR(find_model_folder("org/tiny.v1@v2"), kInput,
               "org/tiny.v1: the Hugging Face cache has the model but not its revision 'v2'; run `hf download org/tiny.v1 --revision v2`");
  EXPECT_ERROR_HAS(find_model_folder("org/tiny.v1@" + std::string(40, 'c')), kInput, "has no snapshot " + std::string(40, 'c'));
  write_bytes(repository / "refs" / "main", "not a commit");
  EXPECT_ERROR_HAS(find_model_folder("org/tiny.v1"), kInput, "holds no commit hash");
  for (const char* name : {"tiny", "../tiny", "org/../tiny", "org/tiny@../../x", "org/tiny@", "a/b/c", "", "org/ti ny", "org/tiny@/etc/passwd"}) {
    EXPECT_ERROR_HAS(find_model_folder(name), kInput, "no such folder") << name;
  }
  EXPECT_ERROR_HAS(find_model_folder((repository / "refs" / "main").string()), kInput, "is a file");
}

TEST_F(CheckpointTest, TheHubCacheLiesWhereTheEnvironmentSays) {
  TemporaryFolder home;
  fs::create_directories(home.path() / "hub" / "models--o--m" / "snapshots" / std::string(40, 'a'));
  fs::create_directories(home.path() / "huggingface" / "hub" / "models--o--m" / "snapshots" / std::string(40, 'a'));
  const std::string name = "o/m@" + std::string(40, 'a');
  const Variable none("HF_HUB_CACHE", ""), old("HUGGINGFACE_HUB_CACHE", ""), cache("XDG_CACHE_HOME", home.path().string());
  {
    const Variable hf_home("HF_HOME", home.path().string());
    EXPECT_EQ(find_model_folder(name), home.path() / "hub" / "models--o--m" / "snapshots" / std::string(40, 'a'));
  }
  const Variable no_home("HF_HOME", "");
  EXPECT_EQ(find_model_folder(name), home.path() / "huggingface" / "hub" / "models--o--m" / "snapshots" / std::string(40, 'a'));
}

}  // namespace
}  // namespace winnow::test
