#include "results/claims.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "harness/core/error.h"

namespace winnow {
namespace {

// Byte 0 says "a writer is here": shared by all, taken alone by who removes the file. Byte n is trial n.
constexpr std::int64_t kPresence = 0;

int set_lock(int descriptor, int command, short type, std::int64_t byte) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  int result = 0;
  do {
    result = ::fcntl(descriptor, command, &lock);
  } while (result != 0 && errno == EINTR);
  return result;
}

bool is_still_named(int descriptor, const std::filesystem::path& file) {
  struct stat ours {
  }, named{};
  return ::fstat(descriptor, &ours) == 0 && ::stat(file.c_str(), &named) == 0 && ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

}  // namespace

Claims::Claims(std::filesystem::path file) : file_(std::move(file)) {
  for (;;) {  // again where the last writer removed the file between our opening and locking it
    descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor_ < 0) throw input_error("{}: cannot be made: {}", file_.string(), std::strerror(errno));
    if (set_lock(descriptor_, F_OFD_SETLKW, F_RDLCK, kPresence) != 0) {
      const int reason = errno;
      ::close(descriptor_);
      throw input_error("{}: cannot be locked: {}; name a store on a local disk with --store", file_.string(), std::strerror(reason));
    }
    if (is_still_named(descriptor_, file_)) return;
    ::close(descriptor_);
  }
}

Claims::~Claims() {
  set_lock(descriptor_, F_OFD_SETLK, F_UNLCK, kPresence);  // two that leave together must not keep each other from being the last
  if (set_lock(descriptor_, F_OFD_SETLK, F_WRLCK, kPresence) == 0 && is_still_named(descriptor_, file_)) ::unlink(file_.c_str());
  ::close(descriptor_);
}

bool Claims::try_claim(std::int64_t trial_id) {
  WINNOW_CHECK(trial_id > kPresence);
  return set_lock(descriptor_, F_OFD_SETLK, F_WRLCK, trial_id) == 0;
}

void Claims::release(std::int64_t trial_id) { set_lock(descriptor_, F_OFD_SETLK, F_UNLCK, trial_id); }

}  // namespace winnow
