#include "harness/core/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <system_error>

#include "harness/core/error.h"
#include "harness/core/terminal.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = std::size_t{1} << 18;

std::string shown(const fs::path& path) { return printable(path.string()); }

// "no space left on device": the system's words as part of a sentence.
std::string reason(int code) {
  std::string text = std::generic_category().message(code);
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z')) text[0] = static_cast<char>(text[0] + ('a' - 'A'));
  return text;
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

struct Descriptor {
  explicit Descriptor(int opened) : number(opened) {}
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number;
};

// O_NONBLOCK: opening a pipe that nobody writes to must not wait for ever.
int open_for_reading(const fs::path& path) {
  const int number = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (number < 0) throw input_error("{}: cannot be read: {}", shown(path), reason(errno));
  return number;
}

std::size_t checked_size(int descriptor, const fs::path& path) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) throw input_error("{}: cannot be read: {}", shown(path), reason(errno));
  if (!S_ISREG(status.st_mode)) throw input_error("{}: is {}; a regular file was expected", shown(path), kind_of(status.st_mode));
  return static_cast<std::size_t>(status.st_size);
}

// Bytes read, 0 at the end of the file.
std::size_t read_some(int descriptor, char* into, std::size_t room, const fs::path& path) {
  while (true) {
    const ssize_t count = ::read(descriptor, into, room);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) throw input_error("{}: cannot be read: {}", shown(path), reason(errno));
  }
}

void refuse_special_target(const fs::path& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    throw input_error("{}: is {}; it is not overwritten, name a file", shown(path), kind_of(status.st_mode));
}

}  // namespace

std::string read_file(const fs::path& path, std::size_t max_bytes) {
  const Descriptor file(open_for_reading(path));
  const std::size_t size = checked_size(file.number, path);
  if (size > max_bytes) throw input_error("{}: has {} bytes; at most {} were expected", shown(path), size, max_bytes);
  std::string bytes(size + 1, '\0');  // one more than expected finds a file that grows without another look
  std::size_t filled = 0;
  while (const std::size_t count = read_some(file.number, bytes.data() + filled, bytes.size() - filled, path)) {
    filled += count;
    if (filled > max_bytes) throw input_error("{}: has more than {} bytes", shown(path), max_bytes);
    if (filled == bytes.size()) bytes.resize(2 * bytes.size() + kPieceBytes);
  }
  bytes.resize(filled);
  return bytes;
}

void read_pieces(const fs::path& path, const std::function<void(std::string_view)>& take) {
  const Descriptor file(open_for_reading(path));
  checked_size(file.number, path);
  std::string piece(kPieceBytes, '\0');
  while (const std::size_t count = read_some(file.number, piece.data(), piece.size(), path)) take({piece.data(), count});
}

void write_file(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  if (path_.filename().empty()) throw input_error("{}: cannot be written: a file name was expected", shown(path_));
  refuse_special_target(path_);
  std::random_device random;
  do {
    temporary_ = path_.parent_path() / fmt::format(".winnow-{:08x}{:08x}.tmp", random(), random());
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) throw input_error("{}: cannot be written: {}", shown(path_), reason(errno));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  WINNOW_CHECK(descriptor_ >= 0);
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw input_error("{}: cannot be written: {}", shown(path_), reason(errno));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void AtomicFile::write_at(std::uint64_t offset, std::string_view bytes) {
  WINNOW_CHECK(descriptor_ >= 0);
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw input_error("{}: cannot be written: {}", shown(path_), reason(errno));
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
}

void AtomicFile::commit() {
  WINNOW_CHECK(descriptor_ >= 0);
  if (::fsync(descriptor_) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0)
    throw input_error("{}: cannot be written: {}", shown(path_), reason(errno));
  ::close(descriptor_);
  descriptor_ = -1;
  const fs::path folder = path_.parent_path().empty() ? "." : path_.parent_path();
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.number >= 0) ::fsync(opened.number);  // some file systems refuse to sync a folder: the file is complete all the same
}

}  // namespace winnow
