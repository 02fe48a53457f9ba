#include "harness/core/digest.h"

#include <gtest/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

// FIPS 180-2, appendix B.
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, MatchesTheStandardsExamples) {
  EXPECT_EQ(sha256_hex("abc"), kAbc);
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_bytes("abc")[0], 0xba);
}

TEST(Sha256, IsTheSamePieceByPiece) {
  Sha256 digest;
  digest.update("a");
  digest.update("");
  digest.update("bc");
  EXPECT_EQ(digest.hex(), kAbc);
}

TEST(Sha256, ReadsFilesLargerThanOnePiece) {
  const test::TemporaryFolder folder;
  const std::string bytes(1'000'000, 'a');
  EXPECT_EQ(sha256_file(folder.write("large", bytes)), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_ERROR_HAS(sha256_file(folder / "absent"), kInput, "absent: cannot be read: no such file or directory");
}

}  // namespace
}  // namespace winnow
