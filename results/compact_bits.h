#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// How many small values stand in little text.
namespace winnow {

std::string base64(std::string_view bytes);
// Nothing where the text is not base64 with its padding.
std::optional<std::string> from_base64(std::string_view text);

// Eight to a byte, the first in the lowest bit.
std::string packed_bits(const std::vector<bool>& bits);
// Nothing where the bytes do not hold exactly `count` bits with zeros after them.
std::optional<std::vector<bool>> unpacked_bits(std::string_view bytes, std::size_t count);

// Ascending numbers as the gaps between them, seven bits to a byte, the lowest first, the eighth set where more follow.
std::string packed_ascending(const std::vector<std::uint32_t>& numbers);
std::optional<std::vector<std::uint32_t>> unpacked_ascending(std::string_view bytes, std::size_t count);

}  // namespace winnow
