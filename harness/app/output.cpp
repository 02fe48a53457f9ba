#include "harness/app/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "harness/core/error.h"
#include "harness/core/terminal.h"

namespace winnow {
namespace {

// The error that stopped it, or 0.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

void write_output(std::string_view bytes) {
  const int failure = write_all(STDOUT_FILENO, bytes);
  if (failure != 0 && failure != EPIPE) throw input_error("standard output cannot be written: {}", std::strerror(failure));
}

void write_text(std::string_view text) { write_output(printable(text)); }

void say(std::string_view line) { write_all(STDERR_FILENO, printable(line) + "\n"); }

}  // namespace winnow
