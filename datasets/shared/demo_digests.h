#pragma once
#include <map>
#include <string>

#include "harness/api/dataset.h"

namespace winnow {

// sha256 of every file of datasets/demo by its path below the data folder.
const std::map<std::string, std::string>& demo_digests();

// A file of the demo with the digest that its edition "v3" has.
DatasetFile demo_file(const std::string& path);

}  // namespace winnow
