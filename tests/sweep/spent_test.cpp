#include "harness/sweep/spent.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace winnow {
namespace {

TEST(Spent, CountsRowsThatADeviceWasGivenInVainNeitherAsPrefillNorAsDecode) {
  Spent spent;
  spent.add_work({}, {.tokens_forwarded = 130, .tokens_decoded = 20, .tokens_dropped = 10, .prefill_seconds = 2, .decode_seconds = 4});
  const std::vector<Metric> metrics = Spent::from_map(spent.as_map()).metrics();
  const auto value = [&](const char* name) { return std::ranges::find(metrics, name, &Metric::name)->value; };
  EXPECT_EQ(value("tokens_forwarded"), 130);
  EXPECT_EQ(value("prefill_tokens_per_second"), 50);
  EXPECT_EQ(value("decode_tokens_per_second"), 5);
}

}  // namespace
}  // namespace winnow
