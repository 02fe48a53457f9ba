#include "results/baseline.h"

#include <gtest/gtest.h>

#include "results/compact_bits.h"
#include "tests/results/graded_store.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

TEST(CompactBits, AreUndone) {
  for (std::size_t n = 0; n < 20; ++n) {
    std::string bytes;
    std::vector<bool> bits;
    std::vector<std::uint32_t> numbers;
    for (std::size_t i = 0; i < n; ++i) {
      bytes += static_cast<char>(i * 37 + n);
      bits.push_back((i * 7 + n) % 3 == 0);
      numbers.push_back(static_cast<std::uint32_t>(i * i * i * 600000));
    }
    EXPECT_EQ(from_base64(base64(bytes)), bytes);
    EXPECT_EQ(unpacked_bits(packed_bits(bits), n), bits);
    EXPECT_EQ(unpacked_ascending(packed_ascending(numbers), n), numbers);
  }
  EXPECT_EQ(base64("Many hands"), "TWFueSBoYW5kcw==");
  EXPECT_EQ(packed_ascending({1, 1, 129, 4294967295u}).size(), 1 + 1 + 2 + 5u);
}

TEST(CompactBits, RefuseWhatTheyDidNotWrite) {
  EXPECT_EQ(from_base64("abc"), std::nullopt);
  EXPECT_EQ(from_base64("ab=c"), std::nullopt);
  EXPECT_EQ(from_base64("a==="), std::nullopt);
  EXPECT_EQ(from_base64("ab\n="), std::nullopt);
  EXPECT_EQ(unpacked_bits("\x03", 1), std::nullopt);
  EXPECT_EQ(unpacked_bits("\x01\x01", 1), std::nullopt);
  EXPECT_EQ(unpacked_ascending("\x80", 1), std::nullopt);
  EXPECT_EQ(unpacked_ascending("\xff\xff\xff\xff\xff\xff\x01", 1), std::nullopt);
  EXPECT_EQ(unpacked_ascending("\xff\xff\xff\xff\x7f", 1), std::nullopt);
  EXPECT_EQ(unpacked_ascending("\x01", 2), std::nullopt);
  EXPECT_EQ(unpacked_ascending("\x01\x01", 1), std::nullopt);
}

// As many examples as GSM8K and MMLU have, and the surroundings a real trial carries.
TEST(Baseline, OfGsm8kAndMmluFitsIntoAHundredKilobytes) {
  const test::TemporaryFolder folder;
  {
    Store store = Store::open(folder / "a.sqlite");
    test::Grades mmlu;
    for (int subject = 0; subject < 57; ++subject) {
      for (int i = 0; i < (subject < 20 ? 247 : 246); ++i) mmlu["mmlu_" + std::to_string(subject)].push_back(i % 3 != 0);
    }
    std::vector<int> gsm8k;
    for (int i = 0; i < 1319; ++i) gsm8k.push_back(i % 5 == 0);
    test::add_trial(store, {.variant = "dense", .grades = {{"gsm8k", gsm8k}}});
    test::add_trial(store, {.variant = "dense", .grades = mmlu, .task = "mmlu"});
  }
  std::vector<Store> stores;
  stores.push_back(Store::open_read_only(folder / "a.sqlite"));
  const std::string text = baseline_text(make_baseline(stores));
  EXPECT_LT(text.size(), 90000u);
  const Baseline again = parse_baseline(text, "baseline.json");
  EXPECT_EQ(again.tasks.size(), 2u);
  EXPECT_EQ(again.variants.at(0).trials.at(1).right.at(0).bits.size(), 14042u);
  EXPECT_EQ(baseline_text(again), text);
}

TEST(Baseline, RefusesWhatIsNoneOrWasChanged) {
  const test::TemporaryFolder folder;
  {
    Store store = Store::open(folder / "a.sqlite");
    test::add_trial(store, {"dense", {{"gsm8k", {1, 0, 1}}}});
  }
  std::vector<Store> stores;
  stores.push_back(Store::open_read_only(folder / "a.sqlite"));
  std::string text = baseline_text(make_baseline(stores));
  EXPECT_ERROR(parse_baseline("{}", "b.json"), kInput, "b.json: this is no baseline; winnow gate --write-baseline writes one");
  EXPECT_ERROR(parse_baseline("{\"winnow_baseline\": 9}", "b.json"), kInput,
               "b.json: a baseline of version 9, but this Winnow reads version 1; write it again");
  EXPECT_ERROR_HAS(parse_baseline(text.substr(0, text.size() / 2), "b.json"), kInput, "b.json");
  text.replace(text.find("\"dense\""), 7, "\"dence\"");
  EXPECT_ERROR(parse_baseline(text, "b.json"), kInput, "b.json: the baseline was changed or cut since it was written (its sha256 differs); write it again");
}

}  // namespace
}  // namespace winnow
