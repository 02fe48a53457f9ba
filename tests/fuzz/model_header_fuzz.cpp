// A safetensors header: what is accepted fills the buffer with tensors, none of them twice and none beyond it. The first four bytes are the buffer's size.
#include <cstdint>
#include <cstring>

#include "harness/model/safetensors.h"
#include "tests/fuzz/fuzz.h"

namespace winnow {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::uint32_t buffer_bytes = 0;
  if (size < sizeof buffer_bytes) return 0;
  std::memcpy(&buffer_bytes, bytes, sizeof buffer_bytes);
  const std::string_view text(reinterpret_cast<const char*>(bytes) + sizeof buffer_bytes, size - sizeof buffer_bytes);
  take_or_refuse([&] {
    const SafetensorsHeader header = parse_safetensors_header(text, buffer_bytes, "f");
    std::uint64_t covered = 0;
    for (const SafetensorsEntry& entry : header.entries) {
      WINNOW_CHECK(entry.begin <= entry.end && entry.end <= header.file_bytes);
      covered += entry.end - entry.begin;
    }
    WINNOW_CHECK(covered == buffer_bytes);
  });
  return 0;
}

}  // namespace winnow
