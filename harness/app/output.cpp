#include "harness/app/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "results/report.h"
#include "results/terminal_text.h"

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

// For eyes. A line that begins as a workflow command of GitHub does would be carried out where this program runs in one.
std::string shown(std::string_view text) {
  std::string result = printable(text);
  for (std::size_t begin = 0; begin < result.size(); begin = std::min(result.find('\n', begin), result.size() - 1) + 1) {
    const std::size_t first = result.find_first_not_of(" \t", begin);
    if (first != std::string::npos && result.compare(first, 2, "::") == 0) result.replace(first, 1, "\\x3a");
  }
  return result;
}

}  // namespace

void write_output(std::string_view bytes) {
  const int failure = write_all(STDOUT_FILENO, bytes);
  if (failure != 0 && failure != EPIPE) throw input_error("standard output cannot be written: {}", std::strerror(failure));
}

void write_text(std::string_view text) { write_output(shown(text)); }

std::size_t output_columns() {
  if (const char* named = std::getenv("COLUMNS")) {
    const long width = std::strtol(named, nullptr, 10);
    if (width >= 20 && width <= 1000) return static_cast<std::size_t>(width);
  }
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
  return 80;
}

std::string report_format(const std::string& asked, const std::string& out, std::span<const std::string> known) {
  if (!asked.empty()) return asked;
  if (out.empty()) return ::isatty(STDOUT_FILENO) != 0 ? "text" : "md";
  const std::string extension = std::filesystem::path(out).extension();
  if (extension == ".txt") return "text";
  const auto named = std::ranges::find_if(known, [&](const std::string& format) { return "." + format == extension; });
  return named == known.end() ? "md" : *named;
}

std::string for_eyes(std::string_view markdown, const std::string& format) {
  return format == "text" ? terminal_text(markdown, output_columns()) : std::string(markdown);
}

std::string report_for_eyes(const Leaderboard& board, const std::string& format) {
  return for_eyes(report_markdown(board, format == "text" ? Wording::kShort : Wording::kFull), format);
}

void say(std::string_view line) { write_all(STDERR_FILENO, shown(line) + "\n"); }

}  // namespace winnow
