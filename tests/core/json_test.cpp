#include "harness/core/json.h"

#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace winnow {
namespace {

TEST(Json, SaysLineColumnAndWhatWasExpected) {
  EXPECT_ERROR(parse_json("{\"a\": 1,\n \"a\": 2}", "sweep.json"), kInput, "sweep.json:2:5: the key 'a' stands twice in one object");
  EXPECT_ERROR_HAS(parse_json("{\"a\": 1", "sweep.json"), kInput, "sweep.json:1:7: not valid JSON: unexpected end of input; expected '}'");
}

}  // namespace
}  // namespace winnow
