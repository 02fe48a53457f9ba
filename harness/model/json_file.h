#pragma once
#include <filesystem>

#include "harness/core/error.h"
#include "harness/core/json.h"
#include "harness/core/terminal.h"

namespace winnow {

// JSON of a model folder. Says "git-lfs pointer", "web page" or "download not finished" where that is what lies there.
Json read_folder_json(const std::filesystem::path& path);

// Runs `act` and puts the file's name before the sentence of any Error it throws.
template <class Act>
auto in_file(const std::filesystem::path& path, const Act& act) {
  try {
    return act();
  } catch (const Error& error) {
    throw Error(error.kind(), printable(path.string()) + ": " + error.what());
  }
}

}  // namespace winnow
