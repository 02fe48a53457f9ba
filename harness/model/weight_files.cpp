#include "harness/model/weight_files.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/core/error.h"
#include "harness/core/json.h"
#include "harness/core/terminal.h"
#include "harness/model/config_fields.h"
#include "harness/model/json_file.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_no_weights(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("model-") && name.ends_with(".safetensors")) {
      throw input_error("{}: is missing, but there are shards such as {}; download the index too", printable((folder / kWeightIndex).string()),
                        printable(name));
    }
    if (name.starts_with("pytorch_model") || name.ends_with(".pth") || name.ends_with(".pt") || name.ends_with(".gguf")) {
      throw unsupported_error("{}: holds {}, but no {} or {}; only safetensors weights are read", printable(folder.string()), printable(name),
                              kSingleWeightFile, kWeightIndex);
    }
  }
  throw input_error("{}: holds no weights: neither {} nor {}", printable(folder.string()), kSingleWeightFile, kWeightIndex);
}

void check_shard_name(const std::string& name, const std::string& tensor, const std::string& source) {
  const bool is_bare = !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
  if (!is_bare)
    throw input_error("{}: 'weight_map' puts {} into {}; expected the bare name of a file in the same folder", source, quoted(Json(tensor)),
                      quoted(Json(name)));
  if (!name.ends_with(".safetensors")) {
    throw unsupported_error("{}: 'weight_map' puts {} into {}; only .safetensors shards are read", source, quoted(Json(tensor)), quoted(Json(name)));
  }
}

struct Index {
  std::string source;
  std::map<std::string, std::string> shard_of;  // by tensor
  std::optional<std::uint64_t> total_bytes;
};

std::optional<std::uint64_t> read_total_size(const ConfigFields& index) {
  if (!index.has("metadata")) return std::nullopt;
  const ConfigFields metadata = index.object("metadata");
  if (!metadata.has("total_size")) return std::nullopt;
  const Json& value = metadata.raw("total_size");
  // Some writers divide: 93405585408.0 is meant as the integer it equals.
  if (value.is_number_float() && value.get<double>() >= 0 && value.get<double>() < 9e15 && value.get<double>() == std::floor(value.get<double>())) {
    return static_cast<std::uint64_t>(value.get<double>());
  }
  return static_cast<std::uint64_t>(metadata.integer("total_size", {0, INT64_MAX}));
}

Index read_index(const fs::path& path) {
  Index index{.source = printable(path.string())};
  const Json json = read_folder_json(path);
  return in_file(path, [&] {
    const ConfigFields fields(json);
    index.total_bytes = read_total_size(fields);
    const Json& map = fields.raw("weight_map");
    if (!map.is_object() || map.empty()) throw input_error("'weight_map' is {}; expected an object from tensors to files", quoted(map));
    for (const auto& [tensor, shard] : map.items()) {
      if (!shard.is_string()) throw input_error("'weight_map' puts {} into {}; expected a file name", quoted(Json(tensor)), quoted(shard));
      index.shard_of[tensor] = shard.get<std::string>();
    }
    return index;
  });
}

WeightFile open_weight_file(const fs::path& folder, const std::string& name) {
  WeightFile weights{.name = name, .file = std::make_shared<MappedFile>(folder / name)};
  weights.header = read_safetensors_header(*weights.file);
  const auto format = weights.header.metadata.find("format");
  if (format != weights.header.metadata.end() && (format->second == "tf" || format->second == "flax")) {
    throw unsupported_error("{}: its metadata says format {}; only PyTorch's layout (\"pt\") is read", weights.file->name(), quoted(Json(format->second)));
  }
  return weights;
}

// Index and shards must tell the same story: each tensor in the shard it is listed for, and none that is not listed.
void check_index(const Index& index, const std::vector<WeightFile>& files) {
  std::map<std::string, std::string> found_in;  // sorted: complaints come out the same each time
  std::uint64_t total_bytes = 0;
  for (const WeightFile& file : files) {
    for (const SafetensorsEntry& entry : file.header.entries) {
      const auto [first, inserted] = found_in.try_emplace(entry.name, file.name);
      if (!inserted) throw input_error("{}: tensor {} is in two shards, {} and {}", index.source, quoted(Json(entry.name)), first->second, file.name);
      total_bytes += entry.end - entry.begin;
    }
  }
  for (const auto& [tensor, shard] : index.shard_of) {
    const auto found = found_in.find(tensor);
    if (found == found_in.end())
      throw input_error("{}: 'weight_map' puts {} into {}, which has no such tensor", index.source, quoted(Json(tensor)), printable(shard));
    if (found->second != shard)
      throw input_error("{}: 'weight_map' puts {} into {}, but it is in {}", index.source, quoted(Json(tensor)), printable(shard), found->second);
  }
  for (const auto& [tensor, shard] : found_in) {
    if (!index.shard_of.contains(tensor))
      throw input_error("{}: 'weight_map' does not list {}, which is in {}", index.source, quoted(Json(tensor)), printable(shard));
  }
  if (index.total_bytes && *index.total_bytes != total_bytes) {
    throw input_error("{}: 'metadata.total_size' is {}, but the tensors of the shards have {} bytes; index and shards are of different models", index.source,
                      *index.total_bytes, total_bytes);
  }
}

std::vector<WeightFile> open_shards(const fs::path& folder) {
  const Index index = read_index(folder / kWeightIndex);
  std::map<std::string, std::string> shards;  // with a tensor of each, for messages
  for (const auto& [tensor, shard] : index.shard_of) shards.try_emplace(shard, tensor);
  for (const auto& [shard, tensor] : shards) check_shard_name(shard, tensor, index.source);
  for (const auto& [shard, tensor] : shards) {
    if (!is_there(folder / shard)) throw input_error("{}: the shard {} is missing; download it", index.source, quoted(Json(shard)));
  }
  if (is_there(folder / kSingleWeightFile) && !shards.contains(kSingleWeightFile)) {
    throw input_error("{}: there are both {} and {}, which names other files; remove the one that is not meant", printable(folder.string()), kSingleWeightFile,
                      kWeightIndex);
  }
  std::vector<WeightFile> files;
  for (const auto& [shard, tensor] : shards) files.push_back(open_weight_file(folder, shard));
  check_index(index, files);
  return files;
}

}  // namespace

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() != fs::file_type::not_found;
}

std::vector<WeightFile> open_weight_files(const fs::path& folder) {
  if (is_there(folder / kWeightIndex)) return open_shards(folder);
  if (!is_there(folder / kSingleWeightFile)) throw_no_weights(folder);
  std::vector<WeightFile> files;
  files.push_back(open_weight_file(folder, kSingleWeightFile));
  return files;
}

}  // namespace winnow
