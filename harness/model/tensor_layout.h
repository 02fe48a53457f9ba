#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "harness/model/family.h"
#include "harness/model/weight_files.h"

namespace winnow {

// Where the bytes of a tensor lie; of a fused tensor, those of one expert's matrix.
struct TensorPlace {
  std::size_t file = 0;  // into the weight files
  std::uint64_t begin = 0, end = 0;
  std::string dtype;  // "f32", "f16", "bf16"
  std::string stored_name;
};

// Finds every tensor of the model in the files, in the released layout or transformers 5's fused one, and refuses files that hold
// anything else: missing, renumbered or additional layers, experts and tensors, other shapes, other dtypes.
// Result: one place for each of `tensors`, in their order.
std::vector<TensorPlace> place_tensors(const std::filesystem::path& folder, const ModelConfig& config, const Family& family,
                                       const std::vector<TensorSpec>& tensors, const std::vector<WeightFile>& files);

}  // namespace winnow
