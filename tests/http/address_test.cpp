#include "harness/http/address.h"

#include "tests/support/errors.h"

namespace winnow {
namespace {

TEST(Address, HasOneForm) {
  EXPECT_EQ(parse_address("HTTP://LocalHost:80/v1//").text, "http://localhost/v1");
  EXPECT_EQ(parse_address("https://api.example.org:443/v1").text, "https://api.example.org/v1");
  EXPECT_EQ(parse_address("https://api.example.org:8443").text, "https://api.example.org:8443");
  EXPECT_EQ(parse_address("http://127.0.0.1:8000/v1").origin, "http://127.0.0.1:8000");
  EXPECT_EQ(parse_address("http://[::1]:8000/v1").origin, "http://[::1]:8000");
}

TEST(Address, RefusesWhatIsNone) {
  for (const char* text : {"", "127.0.0.1:8000", "ftp://host/v1", "file:///etc/passwd", "http://", "http:///v1", "http://a b/v1", "http://host/v1\r\nX: y",
                           "http://host:99999/v1"})
    EXPECT_ERROR_HAS(parse_address(text), kInput, "is no address; expected http://HOST:PORT/PATH");
  EXPECT_ERROR_HAS(parse_address("http://host/v1?key=abc"), kInput, "has a query");
}

TEST(Address, NeverRepeatsAPassword) {
  for (const char* text :
       {"http://me:secret@host/v1", "https://secret@host/v1", "ftp://me:secret@host", "http://host/v1?key=secret", "http://me:secret@ho st"}) {
    const std::string sentence = test::error_text(ErrorKind::kInput, [&] { parse_address(text); });
    EXPECT_THAT(sentence, testing::AllOf(testing::Not(testing::HasSubstr("secret")), testing::HasSubstr("address"))) << text;
  }
}

}  // namespace
}  // namespace winnow
