#include "harness/pruning/plan_files.h"

#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/model/safetensors.h"
#include "harness/pruning/mask.h"

namespace winnow {
namespace {

constexpr std::string_view kMask = "mask/", kWeight = "weight/";

std::filesystem::path tensor_file(std::filesystem::path path) { return path.replace_extension(".safetensors"); }

}  // namespace

void write_plan(const std::filesystem::path& path, const PrunePlan& plan) {
  if (!plan.mask_bits.empty() || !plan.weights.empty()) {
    std::vector<SafetensorsWriter::Entry> entries;
    for (const auto& [name, bits] : plan.mask_bits) entries.push_back({std::string(kMask) + name, at::kByte, bits.sizes().vec()});
    for (const auto& [name, weight] : plan.weights) entries.push_back({std::string(kWeight) + name, weight.scalar_type(), weight.sizes().vec()});
    SafetensorsWriter writer(tensor_file(path), entries);
    for (const auto& [name, bits] : plan.mask_bits) writer.write(std::string(kMask) + name, bits);
    for (const auto& [name, weight] : plan.weights) writer.write(std::string(kWeight) + name, weight);
    writer.commit();
  }
  write_file(path, plan_to_json(plan).dump(1) + "\n");
}

PrunePlan read_plan(const std::filesystem::path& path) {
  PrunePlan plan = plan_from_json(read_json_file(path), path.string());
  if (!std::filesystem::exists(tensor_file(path))) {
    if (!plan.masks.empty())
      throw input_error("{}: it speaks of masks, but {} is not there; keep both files together", path.string(), tensor_file(path).string());
    return plan;
  }
  for (auto& [name, tensor] : map_tensors(tensor_file(path))) {
    if (name.starts_with(kMask)) {
      plan.mask_bits.emplace(name.substr(kMask.size()), std::move(tensor));
    } else if (name.starts_with(kWeight)) {
      plan.weights.emplace(name.substr(kWeight.size()), std::move(tensor));
    } else {
      throw input_error("{}: found tensor {}, expected names mask/… and weight/…", tensor_file(path).string(), name);
    }
  }
  for (const MaskRecord& mask : plan.masks) {
    const auto bits = plan.mask_bits.find(mask.name);
    if (bits == plan.mask_bits.end())
      throw input_error("{}: the mask of {} is missing; the files do not belong together", tensor_file(path).string(), mask.name);
    if (describe_mask(mask.name, mask.shape, bits->second) != mask) {
      throw input_error("{}: the mask of {} is not the one that {} describes; the files do not belong together", tensor_file(path).string(), mask.name,
                        path.string());
    }
  }
  if (plan.masks.size() != plan.mask_bits.size())
    throw input_error("{}: it has {} masks, {} describes {}", tensor_file(path).string(), plan.mask_bits.size(), path.string(), plan.masks.size());
  return plan;
}

}  // namespace winnow
