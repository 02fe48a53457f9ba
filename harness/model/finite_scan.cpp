#include "harness/model/finite_scan.h"

#include <algorithm>
#include <cstring>

#include "harness/core/error.h"

namespace winnow {
namespace {

// All exponent bits set means NaN or infinity. Blocks are copied out and or-ed without branches, which compilers turn into vector
// instructions; only a block that holds a culprit is looked at again.
template <class Bits>
std::optional<std::int64_t> scan(std::string_view bytes, Bits exponent) {
  constexpr std::size_t kBlock = 2048;
  Bits block[kBlock];
  const std::size_t count = bytes.size() / sizeof(Bits);
  for (std::size_t start = 0; start < count; start += kBlock) {
    const std::size_t size = std::min(kBlock, count - start);
    std::memcpy(block, bytes.data() + start * sizeof(Bits), size * sizeof(Bits));
    Bits found = 0;
    for (std::size_t i = 0; i < size; ++i) found |= static_cast<Bits>((block[i] & exponent) == exponent);
    if (!found) continue;
    for (std::size_t i = 0; i < size; ++i) {
      if ((block[i] & exponent) == exponent) return static_cast<std::int64_t>(start + i);
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> first_not_finite(std::string_view bytes, std::string_view dtype) {
  if (dtype == "f32") return scan<std::uint32_t>(bytes, 0x7f800000u);
  if (dtype == "f16") return scan<std::uint16_t>(bytes, 0x7c00u);
  WINNOW_CHECK(dtype == "bf16");
  return scan<std::uint16_t>(bytes, 0x7f80u);
}

}  // namespace winnow
