#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace winnow {

// Lower-case hexadecimal SHA-256 (OpenSSL EVP).
std::string sha256_hex(std::string_view bytes);
// Of a whole regular file, streamed. Throws Error(kInput) naming the file.
std::string sha256_file(const std::filesystem::path& path);

// SHA-256 of what is fed piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  std::string hex();  // ends the digest

 private:
  void* context_;
};

std::array<std::uint8_t, 32> sha256_bytes(std::string_view bytes);

}  // namespace winnow
