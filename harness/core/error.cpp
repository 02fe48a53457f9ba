#include "harness/core/error.h"

namespace winnow {

void fail_check(const char* condition, const char* file, int line) { throw std::logic_error(fmt::format("{}:{}: {} does not hold", file, line, condition)); }

}  // namespace winnow
