#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace winnow {

// Index of the first element that is NaN or infinite in little-endian f32, f16 or bf16 bytes of any alignment.
std::optional<std::int64_t> first_not_finite(std::string_view bytes, std::string_view dtype);

}  // namespace winnow
