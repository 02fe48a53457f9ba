#include "results/store_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "harness/core/error.h"

namespace winnow {
namespace {

constexpr std::size_t kHeaderBytes = 100;
constexpr std::string_view kMagic{"SQLite format 3\0", 16};
using Header = std::array<unsigned char, kHeaderBytes>;

std::uint32_t big_endian(const Header& header, std::size_t at) {
  return std::uint32_t{header[at]} << 24 | std::uint32_t{header[at + 1]} << 16 | std::uint32_t{header[at + 2]} << 8 | header[at + 3];
}

bool has_content(const std::filesystem::path& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored) && std::filesystem::file_size(file, ignored) > 0;
}

std::filesystem::path beside(const std::filesystem::path& file, const char* suffix) { return file.string() + suffix; }

// Reads the header; false where the file has no byte.
bool read_header(const std::filesystem::path& file, Header& header, std::uint64_t& size) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not hold us up
  if (descriptor < 0) throw input_error("{}: the store cannot be read: {}", file.string(), std::strerror(errno));
  struct stat status {};
  const bool is_regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const ssize_t count = is_regular ? ::pread(descriptor, header.data(), header.size(), 0) : 0;
  ::close(descriptor);
  if (!is_regular) throw input_error("{}: a store must be a regular file", file.string());
  size = static_cast<std::uint64_t>(status.st_size);
  if (size == 0) return false;
  if (count < static_cast<ssize_t>(kHeaderBytes) || std::memcmp(header.data(), kMagic.data(), kMagic.size()) != 0) {
    throw input_error("{}: not a Winnow store: the file does not begin as an SQLite database does; name another file", file.string());
  }
  return true;
}

void refuse_truncated(const std::filesystem::path& file, const Header& header, std::uint64_t size) {
  const std::uint32_t stored_page_size = big_endian(header, 14) & 0xFFFF;
  const std::uint64_t page_size = stored_page_size == 1 ? 65536 : stored_page_size;
  const std::uint64_t pages = big_endian(header, 28);
  const bool page_count_is_current = big_endian(header, 24) == big_endian(header, 92);
  if (page_count_is_current && size < pages * page_size) {
    throw input_error("{}: the store is cut off: it ends {} bytes early ({} of {}); copy it again or restore a backup", file.string(), pages * page_size - size,
                      size, pages * page_size);
  }
}

}  // namespace

StoreFile inspect_store_file(const std::filesystem::path& file) {
  StoreFile found;
  std::error_code error;
  if (std::filesystem::status(file, error).type() == std::filesystem::file_type::not_found) return found;
  found.exists = true;
  Header header{};
  std::uint64_t size = 0;
  found.has_journal = has_content(beside(file, "-journal"));
  found.has_log = has_content(beside(file, "-wal"));
  if (!read_header(file, header, size)) {
    found.is_empty = true;
    return found;
  }
  if (!found.has_journal && !found.has_log) refuse_truncated(file, header, size);
  found.user_version = big_endian(header, 60);
  found.application_id = big_endian(header, 68);
  return found;
}

}  // namespace winnow
