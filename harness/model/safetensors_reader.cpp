#include <ATen/ATen.h>

#include <cstring>
#include <memory>

#include "harness/core/error.h"
#include "harness/model/safetensors.h"

namespace winnow {
namespace {

at::ScalarType type_of(const SafetensorsEntry& entry, const std::filesystem::path& path) {
  static const std::map<std::string, at::ScalarType> kTypes = {{"BOOL", at::kBool}, {"U8", at::kByte},   {"I8", at::kChar},  {"I16", at::kShort},
                                                               {"I32", at::kInt},   {"I64", at::kLong},  {"F16", at::kHalf}, {"BF16", at::kBFloat16},
                                                               {"F32", at::kFloat}, {"F64", at::kDouble}};
  const auto position = kTypes.find(entry.dtype);
  if (position == kTypes.end())
    throw unsupported_error("{}: tensor {} has dtype {}, which is not read here; write it as F32 or I64", path.string(), entry.name, entry.dtype);
  return position->second;
}

}  // namespace

std::map<std::string, at::Tensor> read_tensors(const std::filesystem::path& path) {
  const MappedFile file(path);
  std::map<std::string, at::Tensor> tensors;
  for (const SafetensorsEntry& entry : read_safetensors_header(file).entries) {
    at::Tensor tensor = at::empty(entry.shape, type_of(entry, path));
    std::memcpy(tensor.mutable_data_ptr(), file.bytes().data() + entry.begin, entry.end - entry.begin);
    tensors.emplace(entry.name, std::move(tensor));
  }
  return tensors;
}

std::map<std::string, at::Tensor> map_tensors(const std::filesystem::path& path) {
  const auto file = std::make_shared<const MappedFile>(path);
  std::map<std::string, at::Tensor> tensors;
  for (const SafetensorsEntry& entry : read_safetensors_header(*file).entries) {
    const at::ScalarType type = type_of(entry, path);
    void* bytes = const_cast<char*>(file->bytes().data() + entry.begin);
    at::Tensor tensor = at::from_blob(
        bytes, entry.shape, [file](void*) {}, at::TensorOptions(type));
    const bool is_aligned = entry.begin % c10::elementSize(type) == 0;  // files of other programs need not be
    tensors.emplace(entry.name, is_aligned ? tensor : tensor.clone());
  }
  return tensors;
}

}  // namespace winnow
