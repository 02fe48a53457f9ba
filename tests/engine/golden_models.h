#pragma once
#include <ATen/ATen.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/engine/model.h"
#include "harness/model/checkpoint.h"
#include "harness/model/safetensors.h"
#include "tests/engine/test_device.h"
#include "tests/support/files.h"

// Recorded models under tests/fixtures/models; its README says where they come from.
namespace winnow {

using Tensors = std::map<std::string, at::Tensor>;

inline std::filesystem::path golden_folder(const std::string& name) { return test::fixture("models") / name; }

inline Tensors read_tensors(const std::filesystem::path& path) {
  const MappedFile file(path);
  const SafetensorsHeader header = read_safetensors_header(file);
  const std::map<std::string, at::ScalarType> types = {{"F32", at::kFloat}, {"BF16", at::kBFloat16}, {"I64", at::kLong}};
  Tensors tensors;
  for (const SafetensorsEntry& entry : header.entries) {
    at::Tensor tensor = at::empty(entry.shape, types.at(entry.dtype));
    std::memcpy(tensor.mutable_data_ptr(), file.bytes().data() + entry.begin, entry.end - entry.begin);
    tensors[entry.name] = tensor;
  }
  return tensors;
}

inline Tensors golden_tensors(const std::string& name) { return read_tensors(golden_folder(name) / "expected.safetensors"); }
inline Json golden_json(const std::string& name) { return read_json_file(golden_folder(name) / "expected.json"); }

inline Model load_golden(const std::string& name, at::ScalarType dtype, const std::vector<std::vector<int>>& kept_experts = {}) {
  const auto checkpoint = Checkpoint::open(golden_folder(name));
  return load_model(checkpoint->config(), checkpoint->tensors(), *checkpoint, {.dtype = dtype, .device = test::current_device(), .kept_experts = kept_experts});
}

inline std::vector<std::int32_t> token_ids(const at::Tensor& ids) {
  const std::int64_t* first = ids.const_data_ptr<std::int64_t>();
  return {first, first + ids.numel()};
}

inline std::vector<std::vector<std::int32_t>> golden_prompts(const Tensors& tensors) {
  std::vector<std::vector<std::int32_t>> prompts;
  for (int i = 0; tensors.contains("prompt." + std::to_string(i) + ".input_ids"); ++i)
    prompts.push_back(token_ids(tensors.at("prompt." + std::to_string(i) + ".input_ids")));
  return prompts;
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() == 0 ? 0 : (a.cpu().to(at::kDouble) - b.cpu().to(at::kDouble)).abs().max().item<double>();
}

}  // namespace winnow
