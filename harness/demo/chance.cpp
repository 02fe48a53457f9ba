#include "harness/demo/chance.h"

#include "harness/core/digest.h"

namespace winnow::demo {

int share_of(std::string_view text) {
  const auto digest = sha256_bytes(text);
  const unsigned value = (static_cast<unsigned>(digest[0]) << 16) | (static_cast<unsigned>(digest[1]) << 8) | digest[2];
  return static_cast<int>(value % 100);
}

}  // namespace winnow::demo
