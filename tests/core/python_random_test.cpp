#include "harness/core/python_random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace winnow {
namespace {

using ::testing::ElementsAre;

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

}  // namespace
}  // namespace winnow
