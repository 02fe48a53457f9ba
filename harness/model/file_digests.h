#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace winnow {

// Size and time of a file: what tells whether it is still the same one.
struct FileStamp {
  std::uint64_t device = 0, inode = 0, bytes = 0;
  std::int64_t modified_nanoseconds = 0;
  bool operator==(const FileStamp&) const = default;
};

FileStamp stamp_of(const std::filesystem::path& path);  // follows links; throws Error(kInput) where there is no such file

// SHA-256 of the file's bytes, from the cache where path, size and time are as they were. What the cache holds is only a saving: an
// unreadable, stale or corrupt entry is computed anew, and a cache that cannot be written is left alone.
std::string cached_sha256(const std::filesystem::path& path);

}  // namespace winnow
