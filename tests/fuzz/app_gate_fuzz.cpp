// A gate's rules file: rules, or a sentence with its place.
#include <cstdint>

#include "harness/app/gate_file.h"
#include "tests/fuzz/fuzz.h"

namespace winnow {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  take_or_refuse([&] { WINNOW_CHECK(!parse_gate_file({reinterpret_cast<const char*>(bytes), size}, "f", "/rules").rules.empty()); });
  return 0;
}

}  // namespace winnow
