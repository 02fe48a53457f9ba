#pragma once
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace winnow {

// What a person can put right: kUsage a command line, kInput a file or setting, kUnsupported something valid that Winnow does not do.
enum class ErrorKind { kUsage, kInput, kUnsupported };

// One sentence for a person: where, the value found, what was expected, what to do. main turns the kind into the exit code.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& sentence) : std::runtime_error(sentence), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

template <class... Args>
Error usage_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ErrorKind::kUsage, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
Error input_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ErrorKind::kInput, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
Error unsupported_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ErrorKind::kUnsupported, fmt::format(format, std::forward<Args>(args)...));
}

// Exit codes of the program; see README.md.
enum ExitCode : int {
  kExitOk = 0,
  kExitSomeFailed = 1,
  kExitUsage = 2,
  kExitInput = 3,
  kExitUnsupported = 4,
  kExitInconclusive = 5,
  kExitBug = 70,
  kExitRequeue = 75,
  kExitInterrupted = 130,
  kExitTerminated = 143,
};

[[noreturn]] void fail_check(const char* condition, const char* file, int line);

// A bug if it does not hold, in every build.
#define WINNOW_CHECK(condition) ((condition) ? void(0) : ::winnow::fail_check(#condition, __FILE__, __LINE__))

}  // namespace winnow
