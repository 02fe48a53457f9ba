#pragma once
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/model/checkpoint.h"
#include "tests/support/files.h"

namespace winnow::test {

// One tensor as raw bytes; its offsets are worked out when the file is written.
struct RawTensor {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::string bytes;
};

inline std::size_t bytes_of_dtype(const std::string& dtype) {
  if (dtype == "F32" || dtype == "I32") return 4;
  if (dtype == "F64" || dtype == "I64") return 8;
  return dtype == "BF16" || dtype == "F16" ? 2 : 1;
}

inline std::string length_field(std::uint64_t length) { return std::string(reinterpret_cast<const char*>(&length), sizeof length); }

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() || std::fclose(file) != 0)
    throw std::runtime_error("cannot write " + path.string());
}

// A small valid checkpoint in memory, to be spoilt or made odd before it is written, or its files after.
class TinyModel {
 public:
  explicit TinyModel(const std::string& family = "mixtral", const std::function<void(Json&)>& edit = {}) {
    const std::unique_ptr<Family> plugin = Registry<Family>::instance().make(family);
    config = plugin->example_config();
    if (edit) edit(config);
    const ModelConfig shape = plugin->read(config);
    const std::string dtype = shape.dtype == "f32" ? "F32" : shape.dtype == "f16" ? "F16" : "BF16";
    for (const TensorSpec& spec : plugin->tensors(shape)) add(spec.name, dtype, spec.shape);
  }

  void add(const std::string& name, const std::string& dtype, std::vector<std::int64_t> shape) {
    std::size_t count = bytes_of_dtype(dtype);
    for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
    RawTensor tensor{.name = name, .dtype = dtype, .shape = std::move(shape), .bytes = std::string(count, '\0')};
    for (char& byte : tensor.bytes)
      byte = static_cast<char>((state_ = state_ * 6364136223846793005ull + 1442695040888963407ull) >> 58);  // below 64: finite in every dtype
    tensors.push_back(std::move(tensor));
  }
  RawTensor& tensor(const std::string& name) {
    for (RawTensor& tensor : tensors) {
      if (tensor.name == name) return tensor;
    }
    throw std::logic_error("no tensor " + name);
  }
  void rename(const std::string& from, const std::string& to) { tensor(from).name = to; }
  void remove(const std::string& name) {
    std::erase_if(tensors, [&](const RawTensor& tensor) { return tensor.name == name; });
  }

  std::string file_of(const std::vector<RawTensor>& some) const {
    OrderedJson header = OrderedJson::object();
    std::size_t position = 0;
    for (const RawTensor& tensor : some) {
      header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {position, position + tensor.bytes.size()}}};
      position += tensor.bytes.size();
    }
    if (edit_header) edit_header(header);
    std::string text = header.dump();
    if (edit_header_text) edit_header_text(text);
    std::string bytes = length_field(text.size()) + text;
    for (const RawTensor& tensor : some) bytes += tensor.bytes;
    return bytes;
  }

  // Deals the tensors out to shards in turn and fills `index`.
  void shard(std::size_t count) {
    std::size_t total = 0, next = 0;
    Json map = Json::object();
    for (const RawTensor& tensor : tensors) {
      const std::string name = shard_name(1 + next++ % count, count);
      shards[name].push_back(tensor);
      map[tensor.name] = name;
      total += tensor.bytes.size();
    }
    index = {{"metadata", {{"total_size", total}}}, {"weight_map", map}};
  }
  static std::string shard_name(std::size_t number, std::size_t count) {
    return "model-0000" + std::to_string(number) + "-of-0000" + std::to_string(count) + ".safetensors";
  }

  void write(const std::filesystem::path& folder) const {
    std::filesystem::create_directories(folder);
    write_bytes(folder / "config.json", config_text.empty() ? config.dump(2) : config_text);
    if (!generation.is_null()) write_bytes(folder / "generation_config.json", generation.dump());
    if (shards.empty()) write_bytes(folder / "model.safetensors", file_of(tensors));
    for (const auto& [name, some] : shards) write_bytes(folder / name, file_of(some));
    if (!shards.empty()) write_bytes(folder / "model.safetensors.index.json", index_text.empty() ? index.dump() : index_text);
    if (after) after(folder);
  }

  Json config;
  std::string config_text;  // in place of config where not empty
  Json generation;
  std::vector<RawTensor> tensors;
  std::map<std::string, std::vector<RawTensor>> shards;  // empty: one file
  Json index;
  std::string index_text;  // in place of index where not empty
  std::function<void(OrderedJson&)> edit_header;
  std::function<void(std::string&)> edit_header_text;
  std::function<void(const std::filesystem::path&)> after;  // does things to the written folder

 private:
  std::uint64_t state_ = 1;
};

// Opens the folder and reads every tensor, as loading does.
inline void read_whole(const std::filesystem::path& folder) {
  const std::unique_ptr<Checkpoint> checkpoint = Checkpoint::open(folder);
  for (const TensorSpec& spec : checkpoint->tensors()) {
    checkpoint->read(spec);
    checkpoint->release(spec);
  }
}

}  // namespace winnow::test
