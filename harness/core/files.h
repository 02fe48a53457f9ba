#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace winnow {

// The whole of a regular file. Throws Error(kInput) for a missing file, a folder, FIFO or device, or more than max_bytes.
std::string read_file(const std::filesystem::path& path, std::size_t max_bytes = std::size_t{1} << 30);

// The same file piece by piece, whatever its size; `take` gets the pieces in order.
void read_pieces(const std::filesystem::path& path, const std::function<void(std::string_view piece)>& take);

// Writes a file whole or not at all: a temporary file in the same folder (O_EXCL, links not followed), fsync, rename, fsync of the folder.
// Throws Error(kInput) naming path and reason (no space left, read-only folder …). A link at `path` is replaced, not followed; anything
// there that is no regular file (a folder, a device) is refused.
void write_file(const std::filesystem::path& path, std::string_view bytes);

// The same for a file written piece by piece; nothing appears at `path` unless commit() returned.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::string_view bytes);
  void write_at(std::uint64_t offset, std::string_view bytes);  // of parts that come in another order than they lie
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

}  // namespace winnow
