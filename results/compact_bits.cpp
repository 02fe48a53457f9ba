#include "results/compact_bits.h"

#include "harness/core/error.h"

namespace winnow {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kAlphabet[(word >> (18 - 6 * k)) & 63] : '=';
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t word = 0;
    std::size_t padding = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const char c = text[i + k];
      const std::size_t digit = kAlphabet.find(c);
      if (c == '=' && i + 4 == text.size() && k >= 2)
        ++padding;
      else if (digit == std::string_view::npos || padding > 0)
        return std::nullopt;
      word = word << 6 | (c == '=' ? 0u : static_cast<std::uint32_t>(digit));
    }
    for (std::size_t k = 0; k < 3 - padding; ++k) bytes += static_cast<char>((word >> (16 - 8 * k)) & 0xff);
  }
  return bytes;
}

std::string packed_bits(const std::vector<bool>& bits) {
  std::string bytes((bits.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (bits[i]) bytes[i / 8] = static_cast<char>(static_cast<unsigned char>(bytes[i / 8]) | 1u << (i % 8));
  }
  return bytes;
}

std::optional<std::vector<bool>> unpacked_bits(std::string_view bytes, std::size_t count) {
  if (bytes.size() != (count + 7) / 8) return std::nullopt;
  std::vector<bool> bits;
  for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
    const bool bit = (static_cast<unsigned char>(bytes[i / 8]) >> (i % 8)) & 1;
    if (i >= count && bit) return std::nullopt;
    if (i < count) bits.push_back(bit);
  }
  return bits;
}

std::string packed_ascending(const std::vector<std::uint32_t>& numbers) {
  std::string bytes;
  std::uint32_t before = 0;
  for (const std::uint32_t number : numbers) {
    WINNOW_CHECK(number >= before);
    std::uint32_t gap = number - before;
    for (; gap >= 128; gap >>= 7) bytes += static_cast<char>((gap & 127) | 128);
    bytes += static_cast<char>(gap);
    before = number;
  }
  return bytes;
}

std::optional<std::vector<std::uint32_t>> unpacked_ascending(std::string_view bytes, std::size_t count) {
  std::vector<std::uint32_t> numbers;
  std::uint64_t sum = 0, gap = 0;
  int shift = 0;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (shift > 28) return std::nullopt;
    gap |= static_cast<std::uint64_t>(byte & 127) << shift;
    shift += 7;
    if (byte & 128) continue;
    sum += gap;
    if (sum > UINT32_MAX || numbers.size() == count) return std::nullopt;
    numbers.push_back(static_cast<std::uint32_t>(sum));
    gap = 0;
    shift = 0;
  }
  if (shift != 0 || numbers.size() != count) return std::nullopt;
  return numbers;
}

}  // namespace winnow
