#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace winnow {

// A split that is no registered one but a file that a sweep names itself, in the data set's format: a path below the data folder, or an absolute one.
// Data sets that can read such files look here in files(); a file of several parts (PIQA's labels) finds the others beside it.
inline constexpr std::string_view kNamedFile = "file:";

inline std::string split_of_file(std::string_view path) { return std::string(kNamedFile) + std::string(path); }

inline std::optional<std::string> file_of_split(std::string_view split) {
  if (!split.starts_with(kNamedFile)) return std::nullopt;
  return std::string(split.substr(kNamedFile.size()));
}

}  // namespace winnow
