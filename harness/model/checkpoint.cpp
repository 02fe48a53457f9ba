#include "harness/model/checkpoint.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <unordered_map>

#include "harness/core/digest.h"
#include "harness/core/terminal.h"
#include "harness/model/config_fields.h"
#include "harness/model/dtype.h"
#include "harness/model/file_digests.h"
#include "harness/model/finite_scan.h"
#include "harness/model/hub_cache.h"
#include "harness/model/tensor_layout.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

void check_folder(const fs::path& folder) {
  std::error_code ignored;
  const std::string name = printable(folder.string());
  if (!fs::exists(folder, ignored)) throw input_error("{}: there is no such folder", name);
  if (!fs::is_directory(folder, ignored)) throw input_error("{}: is not a folder; a model is a folder with config.json and weights", name);
  if (fs::symlink_status(folder / "config.json", ignored).type() != fs::file_type::not_found) return;
  if (fs::is_directory(folder / "snapshots", ignored))
    throw input_error("{}: is a repository of the Hugging Face cache; name the model as org/name, or a folder below snapshots/", name);
  if (fs::exists(folder / "params.json", ignored))
    throw unsupported_error("{}: has params.json instead of config.json; only the Hugging Face layout is read", name);
  throw input_error("{}: has no config.json", name);
}

class FolderCheckpoint : public Checkpoint {
 public:
  explicit FolderCheckpoint(const fs::path& folder) : folder_(folder) {
    check_folder(folder);
    config_ = read_model_config(folder);
    family_ = Registry<Family>::instance().make(config_.family);
    files_ = open_weight_files(folder);
    note_stamps();
    tensors_ = family_->tensors(config_);
    places_ = place_tensors(folder_, config_, *family_, tensors_, files_);
    is_checked_ = std::vector<std::atomic<bool>>(places_.size());
    for (std::size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
    config_.dtype = most_common_dtype();
  }

  const fs::path& folder() const override { return folder_; }
  const ModelConfig& config() const override { return config_; }
  const Family& family() const override { return *family_; }
  const std::vector<TensorSpec>& tensors() const override { return tensors_; }
  std::uint64_t bytes_read() const override { return bytes_read_; }
  std::string hub_commit() const override { return hub_commit_of(folder_); }

  std::uint64_t weight_bytes() const override {
    std::uint64_t bytes = 0;
    for (const TensorPlace& place : places_) bytes += place.end - place.begin;
    return bytes;
  }

  std::vector<std::string> weight_file_names() const override {
    std::vector<std::string> names;
    for (const WeightFile& file : files_) names.push_back(file.name);
    return names;
  }

  at::Tensor read(const TensorSpec& spec) override {
    const std::size_t index = index_of(spec);
    const TensorPlace& place = places_[index];
    const std::shared_ptr<const MappedFile> file = files_[place.file].file;
    file->check_length();
    const std::string_view bytes = file->bytes().substr(place.begin, place.end - place.begin);
    if (!is_checked_[index]) {
      check_finite(spec, place, bytes);
      if (spec.role == Role::kEmbedding && config_.tied_embeddings) check_second_head(bytes);
      is_checked_[index] = true;
    }
    bytes_read_ += bytes.size();
    const at::TensorOptions options(scalar_type(place.dtype));
    void* address = const_cast<char*>(bytes.data());
    const bool is_aligned = reinterpret_cast<std::uintptr_t>(address) % static_cast<std::uintptr_t>(element_bytes(place.dtype)) == 0;
    if (is_aligned)
      return at::from_blob(
          address, spec.shape, [file](void*) {}, options);
    at::Tensor copy = at::empty(spec.shape, options);  // the format does not promise alignment
    std::memcpy(copy.mutable_data_ptr(), address, bytes.size());
    return copy;
  }

  void release(const TensorSpec& spec) override {
    const TensorPlace& place = places_[index_of(spec)];
    files_[place.file].file->drop(place.begin, place.end);
  }

  std::string header_sha256() const override {
    Sha256 digest;
    for (const fs::path& path : json_files()) digest.update(fmt::format("{} {}\n", path.filename().string(), sha256_file(path)));
    for (const WeightFile& file : files_) digest.update(fmt::format("{} {} {}\n", file.name, file.header.file_bytes, file.header.sha256));
    return digest.hex();
  }

  std::string content_sha256() const override {
    check_unchanged();
    Sha256 digest;
    for (const fs::path& path : json_files()) digest.update(fmt::format("{} {}\n", path.filename().string(), sha256_file(path)));
    for (const WeightFile& file : files_) digest.update(fmt::format("{} {}\n", file.name, cached_sha256(file.file->path())));
    return digest.hex();
  }

  void check_unchanged() const override {
    for (const auto& [path, stamp] : stamps_) {
      if (stamp_of(path) != stamp) throw input_error("{}: changed since the model was opened; nothing measured on it can be kept", printable(path.string()));
    }
  }

 private:
  std::size_t index_of(const TensorSpec& spec) const {
    const auto position = index_.find(spec.name);
    WINNOW_CHECK(position != index_.end() && tensors_[position->second].shape == spec.shape);
    return position->second;
  }

  // config.json and what else decides how the model runs.
  std::vector<fs::path> json_files() const {
    std::vector<fs::path> paths = {folder_ / "config.json"};
    for (const char* name : {"generation_config.json", kExportedPlan}) {
      if (fs::exists(folder_ / name)) paths.push_back(folder_ / name);
    }
    return paths;
  }

  void note_stamps() {
    for (const fs::path& path : json_files()) stamps_.emplace_back(path, stamp_of(path));
    if (fs::exists(folder_ / kWeightIndex)) stamps_.emplace_back(folder_ / kWeightIndex, stamp_of(folder_ / kWeightIndex));
    for (const WeightFile& file : files_) stamps_.emplace_back(file.file->path(), stamp_of(file.file->path()));
  }

  // Single tensors may be wider than the rest, as DeepSeek's correction bias is; the model's dtype is that of most bytes.
  std::string most_common_dtype() const {
    std::map<std::string, std::uint64_t> bytes;
    for (const TensorPlace& place : places_) bytes[place.dtype] += place.end - place.begin;
    return std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; })->first;
  }

  void check_finite(const TensorSpec& spec, const TensorPlace& place, std::string_view bytes) const {
    const std::optional<std::int64_t> found = first_not_finite(bytes, place.dtype);
    if (!found) return;
    std::vector<std::int64_t> position(spec.shape.size());
    std::int64_t rest = *found;
    for (std::size_t axis = spec.shape.size(); axis-- > 0; rest /= spec.shape[axis]) position[axis] = rest % spec.shape[axis];
    throw input_error("{}: tensor {} is not finite (NaN or infinity) at [{}]", files_[place.file].file->name(), quoted(Json(spec.name)),
                      fmt::join(position, ", "));
  }

  // Some files repeat the tied embedding as lm_head.weight. transformers unties the two where they differ, against the config.
  void check_second_head(std::string_view embedding) const {
    for (const WeightFile& file : files_) {
      for (const SafetensorsEntry& entry : file.header.entries) {
        if (entry.name != "lm_head.weight") continue;
        const std::string_view head = file.file->bytes().substr(entry.begin, entry.end - entry.begin);
        if (head != embedding)
          throw input_error("{}: lm_head.weight differs from the embedding, but config.json ties them ('tie_word_embeddings')", file.file->name());
      }
    }
  }

  fs::path folder_;
  ModelConfig config_;
  std::unique_ptr<Family> family_;
  std::vector<WeightFile> files_;
  std::vector<std::pair<fs::path, FileStamp>> stamps_;
  std::vector<TensorSpec> tensors_;
  std::vector<TensorPlace> places_;
  std::unordered_map<std::string, std::size_t> index_;  // by name, into tensors_ and places_
  std::vector<std::atomic<bool>> is_checked_;           // a tensor is searched for NaN the first time it is read
  std::atomic<std::uint64_t> bytes_read_ = 0;
};

}  // namespace

std::unique_ptr<Checkpoint> Checkpoint::open(const fs::path& folder) { return std::make_unique<FolderCheckpoint>(folder); }

}  // namespace winnow
