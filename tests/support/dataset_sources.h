#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "harness/api/dataset.h"

namespace winnow::test {

// Registered data sets read from a folder, without the checks of digests that the sweep makes.
std::unique_ptr<DatasetSource> folder_source(const std::filesystem::path& folder);

// A few rows of every registered data set, held in memory. A new data set needs its sample in dataset_sources.cpp.
std::unique_ptr<DatasetSource> sample_source();
std::string sample_file(const std::string& dataset, const std::string& path);

}  // namespace winnow::test
