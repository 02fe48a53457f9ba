#pragma once
#include <functional>
#include <string_view>

#include "harness/core/error.h"
#include "harness/core/unicode.h"

namespace winnow {

// Foreign bytes are taken, or refused by an Error of one short line of valid UTF-8. Anything else that is thrown gets out, and ends the fuzzer.
inline void take_or_refuse(const std::function<void()>& take) {
  try {
    take();
  } catch (const Error& error) {
    const std::string_view sentence = error.what();
    WINNOW_CHECK(!sentence.empty() && sentence.size() < 4000 && is_valid_utf8(sentence));
  }
}

}  // namespace winnow
