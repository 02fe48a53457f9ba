#pragma once
#include <filesystem>
#include <string>

namespace winnow {

// $HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub.
std::filesystem::path hub_cache_folder();

// The commit of a folder …/models--org--name/snapshots/<commit>; empty for any other.
std::string hub_commit_of(const std::filesystem::path& folder);

}  // namespace winnow
