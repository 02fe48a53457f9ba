#include "tests/support/errors.h"

namespace winnow::test {
namespace {

const char* kind_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage: return "usage";
    case ErrorKind::kInput: return "input";
    case ErrorKind::kUnsupported: return "unsupported";
  }
  return "unknown";
}

}  // namespace

std::string error_text(ErrorKind kind, const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    if (error.kind() == kind) return error.what();
    return fmt::format("(an Error of kind {} instead of {}: {})", kind_name(error.kind()), kind_name(kind), error.what());
  } catch (const std::exception& error) {
    return fmt::format("(another exception than Error: {})", error.what());
  }
  return "(nothing was thrown)";
}

}  // namespace winnow::test
