#include "harness/core/moments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace winnow {
namespace {

Moments of(const std::vector<float>& values) {
  Moments moments;
  moments.add(values);
  return moments;
}

TEST(Moments, AreThoseOfNumbersAPersonCanCheck) {
  const Moments moments = of({1, 2, 3, 4, 10});  // mean 4; squares 9 4 1 0 36 = 50; fourths 81 16 1 0 1296 = 1394
  EXPECT_EQ(moments.count(), 5);
  EXPECT_DOUBLE_EQ(moments.mean(), 4);
  EXPECT_DOUBLE_EQ(moments.variance(), 10);
  EXPECT_DOUBLE_EQ(moments.excess_kurtosis(), 5.0 * 1394 / 2500 - 3);
  EXPECT_DOUBLE_EQ(of({-1, 1, -1, 1}).excess_kurtosis(), -2);  // two points: the least there is
}

TEST(Moments, JoinedPartsAreTheWhole) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(3, 2);
  std::vector<float> values(10007);
  for (float& value : values) value = normal(random);
  Moments joined;
  for (std::size_t first = 0, length = 1; first < values.size(); first += length, length = length % 97 + 3) {
    joined.add(std::span(values).subspan(first, std::min(length, values.size() - first)));
  }
  const Moments whole = of(values);
  EXPECT_EQ(joined.count(), whole.count());
  EXPECT_NEAR(joined.mean(), whole.mean(), 1e-12);
  EXPECT_NEAR(joined.variance(), whole.variance(), 1e-11);
  EXPECT_NEAR(joined.excess_kurtosis(), whole.excess_kurtosis(), 1e-10);
}

TEST(Moments, DoNotCancelFarFromZero) {
  std::vector<float> values, shifted;
  for (int i = 0; i < 4096; ++i) {
    values.push_back(static_cast<float>(i % 64));
    shifted.push_back(static_cast<float>(i % 64) + 1048576.0f);  // exact in f32; sums of fourth powers would lose every digit
  }
  EXPECT_NEAR(of(shifted).excess_kurtosis(), of(values).excess_kurtosis(), 1e-9);
  EXPECT_NEAR(of(shifted).variance(), of(values).variance(), 1e-6);
}

TEST(Moments, OfNothingOrOfEqualNumbersHaveNoKurtosis) {
  EXPECT_TRUE(std::isnan(Moments().variance()));
  EXPECT_TRUE(std::isnan(Moments().excess_kurtosis()));
  EXPECT_TRUE(std::isnan(of({2, 2, 2}).excess_kurtosis()));
  Moments moments = of({1, 2});
  moments.add(Moments());
  EXPECT_EQ(moments.count(), 2);
}

}  // namespace
}  // namespace winnow
