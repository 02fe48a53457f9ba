#include "harness/core/digest.h"

#include <openssl/evp.h>

#include "harness/core/error.h"
#include "harness/core/files.h"

namespace winnow {
namespace {

EVP_MD_CTX* evp(void* context) { return static_cast<EVP_MD_CTX*>(context); }

std::string to_hex(const std::uint8_t* bytes, std::size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { WINNOW_CHECK(context_ && EVP_DigestInit_ex(evp(context_), EVP_sha256(), nullptr) == 1); }

Sha256::~Sha256() { EVP_MD_CTX_free(evp(context_)); }

void Sha256::update(std::string_view bytes) { WINNOW_CHECK(EVP_DigestUpdate(evp(context_), bytes.data(), bytes.size()) == 1); }

std::string Sha256::hex() {
  std::array<std::uint8_t, 32> digest;
  WINNOW_CHECK(EVP_DigestFinal_ex(evp(context_), digest.data(), nullptr) == 1);
  return to_hex(digest.data(), digest.size());
}

std::array<std::uint8_t, 32> sha256_bytes(std::string_view bytes) {
  std::array<std::uint8_t, 32> digest;
  WINNOW_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1);
  return digest;
}

std::string sha256_hex(std::string_view bytes) {
  const auto digest = sha256_bytes(bytes);
  return to_hex(digest.data(), digest.size());
}

std::string sha256_file(const std::filesystem::path& path) {
  Sha256 digest;
  read_pieces(path, [&](std::string_view piece) { digest.update(piece); });
  return digest.hex();
}

}  // namespace winnow
