#include "harness/pruning/plan_files.h"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/model/safetensors.h"
#include "harness/pruning/mask.h"

namespace winnow {
namespace {

constexpr std::string_view kMask = "mask/", kWeight = "weight/";

std::filesystem::path tensor_file(std::filesystem::path path) { return path.replace_extension(".safetensors"); }

// A folder of its own among the temporary files; removed with what is in it.
class PageFolder {
 public:
  PageFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "winnow-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw input_error("{}: cannot be made: {}; set TMPDIR to a folder with room", name, std::strerror(errno));
    path_ = name;
  }
  ~PageFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PageFolder(const PageFolder&) = delete;
  PageFolder& operator=(const PageFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

bool holds_plan_tensors(const std::filesystem::path& file) {
  try {
    return std::ranges::all_of(read_safetensors_header(MappedFile(file)).entries,
                               [](const SafetensorsEntry& entry) { return entry.name.starts_with(kMask) || entry.name.starts_with(kWeight); });
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

void check_plan_place(const std::filesystem::path& path) {
  const std::filesystem::path tensors = tensor_file(path);
  if (tensors == path)
    throw input_error("{}: this name is for the plan's tensors; name the plan {} instead", path.string(),
                      std::filesystem::path(path).replace_extension(".json").string());
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(tensors, ignored)) || holds_plan_tensors(tensors)) return;
  throw input_error("{}: its masks and weights would go into {}, which is there and is no plan's; name another file", path.string(), tensors.string());
}

void write_plan(const std::filesystem::path& path, const PrunePlan& plan) {
  check_plan_place(path);
  if (!plan.mask_bits.empty() || !plan.weights.empty()) {
    std::map<std::string, at::Tensor> tensors;
    for (const auto& [name, bits] : plan.mask_bits) tensors.emplace(std::string(kMask) + name, bits);
    for (const auto& [name, weight] : plan.weights) tensors.emplace(std::string(kWeight) + name, weight);
    write_tensors(tensor_file(path), tensors);
  } else {
    std::filesystem::remove(tensor_file(path));
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
      if (tensor.scalar_type() != at::kByte)
        throw input_error("{}: {} holds {}, expected bytes; make the plan again", tensor_file(path).string(), name, c10::toString(tensor.scalar_type()));
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

std::map<std::string, at::Tensor> as_pages(const std::map<std::string, at::Tensor>& tensors) {
  const PageFolder folder;
  write_tensors(folder.path() / "pages.safetensors", tensors);
  return map_tensors(folder.path() / "pages.safetensors");
}

}  // namespace winnow
