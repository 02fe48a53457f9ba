#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace winnow {

// Reads the fields of one protobuf message in order. Throws Error(kInput), saying which message of which file is damaged and at what byte.
class ProtobufReader {
 public:
  enum class Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  struct Field {
    std::uint32_t number;
    Wire wire;
    std::uint64_t value = 0;   // varint and fixed
    std::string_view bytes{};  // kBytes
  };

  // `where`: "tokenizer.model: piece 7"
  ProtobufReader(std::string_view message, std::string where) : message_(message), where_(std::move(where)) {}

  std::optional<Field> next();
  // The field's wire type must be this one.
  void expect(const Field& field, Wire wire, std::string_view name) const;
  const std::string& where() const { return where_; }

 private:
  std::uint64_t varint();
  std::uint64_t fixed(int bytes);

  std::string_view message_;
  std::size_t position_ = 0;
  std::string where_;
};

}  // namespace winnow
