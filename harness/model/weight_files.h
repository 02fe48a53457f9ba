#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/safetensors.h"

namespace winnow {

// The weight files of a model folder, their headers read and checked against each other; nothing of the weights is read.
struct WeightFile {
  std::string name;  // in the folder
  std::shared_ptr<const MappedFile> file;
  SafetensorsHeader header;
};

// model.safetensors, or the shards that model.safetensors.index.json names. Shard names are bare file names: nothing outside the
// folder is opened but through links, as the Hugging Face cache makes them. Throws Error(kInput | kUnsupported).
std::vector<WeightFile> open_weight_files(const std::filesystem::path& folder);

bool is_there(const std::filesystem::path& path);  // a link whose file is missing is there too

inline constexpr const char* kSingleWeightFile = "model.safetensors";
inline constexpr const char* kWeightIndex = "model.safetensors.index.json";
// The plan that a model was pruned with, written beside its weights by an export. It decides how the model runs by its skip thresholds
// ("layers": [{"layer", "beta"}]), which config.json has no place for; everything else of it is in the weights already.
inline constexpr const char* kExportedPlan = "winnow_plan.json";

}  // namespace winnow
