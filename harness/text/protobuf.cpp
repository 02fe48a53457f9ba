#include "harness/text/protobuf.h"

#include "harness/core/error.h"

namespace winnow {

std::uint64_t ProtobufReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (position_ >= message_.size())
      throw input_error("{}: the file ends within a number at byte {}; it is cut off or damaged, fetch it again", where_, position_);
    const auto byte = static_cast<std::uint8_t>(message_[position_++]);
    if (shift == 63 && byte > 1) break;
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  throw input_error("{}: the number before byte {} is longer than 64 bits; the file is damaged, fetch it again", where_, position_);
}

std::uint64_t ProtobufReader::fixed(int bytes) {
  if (message_.size() - position_ < static_cast<std::size_t>(bytes))
    throw input_error("{}: the file ends within a {}-byte number at byte {}", where_, bytes, position_);
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(message_[position_++])) << (8 * i);
  return value;
}

std::optional<ProtobufReader::Field> ProtobufReader::next() {
  if (position_ == message_.size()) return std::nullopt;
  const std::size_t start = position_;
  const std::uint64_t tag = varint();
  if ((tag >> 3) == 0 || (tag >> 3) > 0x1FFFFFFF)
    throw input_error("{}: field number {} at byte {} is impossible; this is no SentencePiece model", where_, tag >> 3, start);
  Field field{static_cast<std::uint32_t>(tag >> 3), static_cast<Wire>(tag & 7)};
  switch (field.wire) {
    case Wire::kVarint: field.value = varint(); return field;
    case Wire::kFixed64: field.value = fixed(8); return field;
    case Wire::kFixed32: field.value = fixed(4); return field;
    case Wire::kBytes: {
      const std::uint64_t length = varint();
      if (length > message_.size() - position_) {
        throw input_error("{}: field {} at byte {} claims {} bytes but {} are left; the file is cut off or damaged, fetch it again", where_, field.number,
                          start, length, message_.size() - position_);
      }
      field.bytes = message_.substr(position_, length);
      position_ += length;
      return field;
    }
  }
  throw input_error("{}: wire type {} of field {} at byte {} is not used by SentencePiece; this is no SentencePiece model", where_, tag & 7, field.number,
                    start);
}

void ProtobufReader::expect(const Field& field, Wire wire, std::string_view name) const {
  if (field.wire != wire) {
    throw input_error("{}: {} (field {}) has wire type {}, expected {}; the file is damaged", where_, name, field.number, static_cast<int>(field.wire),
                      static_cast<int>(wire));
  }
}

}  // namespace winnow
