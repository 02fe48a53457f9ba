#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "harness/model/safetensors.h"

namespace winnow {
namespace {

[[noreturn]] void throw_missing(const std::filesystem::path& path, int reason) {
  std::error_code ignored;
  if (reason == ENOENT && std::filesystem::is_symlink(path, ignored)) {
    const std::string target = std::filesystem::read_symlink(path, ignored).string();
    if (target.find("blobs/") != std::string::npos) {
      throw input_error("{}: its download is not finished (the cache has no {}); run `hf download` again", printable(path.string()), printable(target));
    }
    throw input_error("{}: is a link to {}, which is not there", printable(path.string()), printable(target));
  }
  throw input_error("{}: {}", printable(path.string()), std::strerror(reason));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path), name_(printable(path.string())) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor_ < 0) throw_missing(path, errno);
  struct stat status {};
  const bool is_regular = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  size_ = is_regular ? static_cast<std::size_t>(status.st_size) : 0;
  if (size_ > 0) address_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor_, 0);
  const int reason = errno;
  if (size_ == 0 || address_ == MAP_FAILED) {
    ::close(descriptor_);
    if (!is_regular) throw input_error("{}: is not a regular file", name_);
    if (size_ == 0) throw input_error("{}: is empty", name_);
    throw input_error("{}: cannot be mapped into memory: {}", name_, std::strerror(reason));
  }
}

MappedFile::~MappedFile() {
  ::munmap(address_, size_);
  ::close(descriptor_);
}

void MappedFile::check_length() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || static_cast<std::size_t>(status.st_size) < size_) {
    throw input_error("{}: has become shorter while it was in use", name_);
  }
}

void MappedFile::drop(std::uint64_t begin, std::uint64_t end) const {
  const std::uint64_t page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t first = (begin + page - 1) / page * page;  // pages shared with a neighbour stay
  const std::uint64_t last = end == size_ ? end : end / page * page;
  if (first < last) ::madvise(static_cast<char*>(address_) + first, last - first, MADV_DONTNEED);
}

}  // namespace winnow
