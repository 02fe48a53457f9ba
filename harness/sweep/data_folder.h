#pragma once
#include <filesystem>
#include <memory>

#include "harness/api/dataset.h"

namespace winnow {

enum class UnverifiedData { kRefused, kMarked };

// Data sets below a folder, each part read once. A file whose sha256 the data set does not know is refused, or used and marked "unverified".
// An empty folder stands for none: the first read says how to give one.
std::unique_ptr<DatasetSource> open_data_folder(const std::filesystem::path& folder, UnverifiedData unverified);

}  // namespace winnow
