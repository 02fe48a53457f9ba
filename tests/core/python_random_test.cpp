#include "harness/core/python_random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/core/digest.h"
#include "harness/core/json.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using ::testing::ElementsAre;
using Indices = std::vector<std::size_t>;

Json recorded(const char* name) { return parse_json(test::read_text(test::fixture(name)), name); }

TEST(PythonRandom, DrawsWhatPythonDraws) {
  PythonRandom random(1234);
  EXPECT_EQ(random.bits32(), 4150886329u);
  EXPECT_EQ(random.bits32(), 3342196574u);
  EXPECT_EQ(random.bits32(), 1892932127u);
  EXPECT_EQ(random.bits32(), 501869158u);
  EXPECT_EQ(PythonRandom(1234).uniform(), 0.9664535356921388);
  EXPECT_THAT(PythonRandom(1234).sample(2490, 6), ElementsAre(1805, 478, 30, 371, 2384, 143));
  EXPECT_THAT(PythonRandom(1234).sample(39905, 11), ElementsAre(28883, 7657, 490, 5940, 38156, 2288, 5500, 6450, 23241, 15519, 1142));
  EXPECT_THAT(PythonRandom(0).choices(10, 10), ElementsAre(8, 7, 4, 2, 5, 4, 7, 3, 4, 5));
}

TEST(PythonRandom, SamplesSmallPopulationsFromACopyAndLargeOnesByRejection) {
  EXPECT_THAT(PythonRandom(1234).sample(20, 5), ElementsAre(14, 3, 0, 2, 1));
  EXPECT_THAT(PythonRandom(1234).sample(21, 5), ElementsAre(14, 3, 0, 2, 1));
  EXPECT_THAT(PythonRandom(1234).sample(22, 5), ElementsAre(14, 3, 0, 2, 18));
}

TEST(PythonRandom, RepeatsEveryRecordedStream) {
  const Json cases = recorded("core/lm_eval_functions.json")["random_random"];
  ASSERT_FALSE(cases.empty());
  for (const Json& stream : cases) {
    const std::uint64_t seed = stream["seed"];
    EXPECT_EQ(PythonRandom(seed).uniform(), stream["random"][0].get<double>());
    PythonRandom words(seed);
    for (const Json& word : stream["getrandbits32"]) EXPECT_EQ(words.bits32(), word.get<std::uint32_t>());
    EXPECT_EQ(PythonRandom(seed).choices(10, stream["choices10"].size()), stream["choices10"].get<Indices>());
  }
}

TEST(PythonRandom, RepeatsEveryRecordedSample) {
  const Json samples = recorded("core/lm_eval_functions.json")["random_sample"];
  ASSERT_EQ(samples.size(), 112u);
  for (const Json& sample : samples) {
    PythonRandom random(sample["seed"].get<std::uint64_t>());
    for (const Json& draw : sample["three_draws"]) EXPECT_EQ(random.sample(sample["n"], sample["k"]), draw.get<Indices>()) << sample["n"] << " " << sample["k"];
  }
}

TEST(PythonRandom, RepeatsEveryRecordedRandint) {
  const Json cases = recorded("core/python_randint.json");
  ASSERT_FALSE(cases.empty());
  for (const Json& stream : cases) {
    const std::uint64_t seed = stream["seed"];
    PythonRandom words(seed), thousand(seed), large(seed), zero(seed), powers(seed);
    for (const Json& word : stream["first_words32"]) EXPECT_EQ(words.bits32(), word.get<std::uint32_t>());
    for (const Json& value : stream["randint_0_999"]) EXPECT_EQ(thousand.integer(0, 999), value.get<std::int64_t>());
    for (const Json& value : stream["randint_0_356316"]) EXPECT_EQ(large.integer(0, 356316), value.get<std::int64_t>());
    for (const Json& pair : stream["randint_0_0_then_0_999"]) {
      EXPECT_EQ(zero.integer(0, 0), pair[0].get<std::int64_t>());
      EXPECT_EQ(zero.integer(0, 999), pair[1].get<std::int64_t>());
    }
    for (const Json& triple : stream["randint_0_511_then_0_255_then_0_256"]) {
      EXPECT_EQ(powers.integer(0, 511), triple[0].get<std::int64_t>());
      EXPECT_EQ(powers.integer(0, 255), triple[1].get<std::int64_t>());
      EXPECT_EQ(powers.integer(0, 256), triple[2].get<std::int64_t>());
    }
  }
}

TEST(PythonRandom, DrawsBeyondThirtyTwoBits) {  // [random.Random(7).randint(-2**40, 2**40), randrange(2**63 - 25), randrange(2**32)] in CPython 3.11
  PythonRandom random(7);
  EXPECT_EQ(random.integer(-(std::int64_t{1} << 40), std::int64_t{1} << 40), 636303052087);
  EXPECT_EQ(random.below((std::uint64_t{1} << 63) - 25), 445363681616962640u);
  EXPECT_EQ(random.below(std::uint64_t{1} << 32), 2301595691u);
}

TEST(PythonRandom, RefusesWhatPythonRefuses) {
  EXPECT_THROW(PythonRandom(0).sample(3, 4), std::logic_error);
  EXPECT_THROW(PythonRandom(0).integer(3, 2), std::logic_error);
  EXPECT_THROW(PythonRandom(0).below(0), std::logic_error);
  EXPECT_THROW(PythonRandom(0).choices(0, 1), std::logic_error);
  EXPECT_THAT(PythonRandom(0).sample(0, 0), ElementsAre());
}

// Decimal digits of a seed of any size as 32-bit words, least significant first.
std::vector<std::uint32_t> words_of(std::string decimal) {
  std::vector<std::uint32_t> words;
  while (!decimal.empty()) {
    std::uint64_t rest = 0;
    std::string quotient;
    for (const char digit : decimal) {
      rest = rest * 10 + static_cast<std::uint64_t>(digit - '0');
      if (!quotient.empty() || rest >> 32) quotient += static_cast<char>('0' + (rest >> 32));
      rest &= 0xffffffffu;
    }
    words.push_back(static_cast<std::uint32_t>(rest));
    decimal = quotient;
  }
  return words;
}

TEST(NumpyRandom, RepeatsEveryRecordedStep) {
  const Json cases = recorded("core/numpy_shuffle.json")["cases"];
  ASSERT_FALSE(cases.empty());
  for (const Json& shuffle : cases) {
    const auto words = shuffle["entropy_words32"].get<std::vector<std::uint32_t>>();
    NumpyRandom wide(words), narrow(words);
    for (const Json& value : shuffle["first_raw64"]) EXPECT_EQ(std::to_string(wide.next64()), value.get<std::string>());
    for (const Json& value : shuffle["first_next32"]) EXPECT_EQ(narrow.next32(), value.get<std::uint32_t>());
    EXPECT_EQ(NumpyRandom(words).permutation(shuffle["n"]), shuffle["permutation"].get<Indices>());
  }
}

TEST(NumpyRandom, ShufflesOtherSizesAndSeedsAlike) {
  const Json cases = recorded("core/numpy_shuffle.json")["more"];
  ASSERT_FALSE(cases.empty());
  for (const Json& shuffle : cases) {
    const Indices order = NumpyRandom(words_of(shuffle["seed"])).permutation(shuffle["n"]);
    EXPECT_EQ(sha256_hex(fmt::format("{}", fmt::join(order, ","))), shuffle["permutation_sha256"].get<std::string>()) << shuffle["seed"] << " " << shuffle["n"];
    const auto first = shuffle["first"].get<Indices>();
    EXPECT_TRUE(std::equal(first.begin(), first.end(), order.begin()));
  }
}

TEST(NumpyRandom, PermutesNothing) { EXPECT_TRUE(NumpyRandom({0}).permutation(0).empty()); }

}  // namespace
}  // namespace winnow
