#include "harness/model/weight_moments.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "harness/model/checkpoint.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

TEST(WeightMoments, AreThoseOfTheWholeMatrices) {
  const auto checkpoint = Checkpoint::open(test::fixture("models/mixtral_f32"));
  std::size_t read = 0;
  const std::vector<RoleMoments> roles =
      weight_moments(checkpoint->config(), checkpoint->tensors(), *checkpoint, at::kFloat, [&](std::size_t, std::size_t) { ++read; });
  std::size_t matrices = 0;
  for (const TensorSpec& tensor : checkpoint->tensors()) matrices += tensor.shape.size() == 2;
  EXPECT_EQ(read, matrices);
  for (const RoleMoments& role : roles) {
    std::vector<at::Tensor> parts;
    for (const TensorSpec& tensor : checkpoint->tensors()) {
      if (tensor.role == role.role) parts.push_back(checkpoint->read(tensor).reshape({-1}).to(at::kDouble));
    }
    const at::Tensor all = at::cat(parts), away = all - all.mean();
    const double kurtosis = away.pow(4).mean().item<double>() / std::pow(away.square().mean().item<double>(), 2) - 3;
    EXPECT_EQ(role.all.count(), all.numel()) << role_name(role.role);
    EXPECT_NEAR(role.all.mean(), all.mean().item<double>(), 1e-12);
    EXPECT_NEAR(role.all.excess_kurtosis(), kurtosis, 1e-9) << role_name(role.role);
    EXPECT_EQ(role.nonzero.count(), all.count_nonzero().item<std::int64_t>());
  }
}

// Halves of zeros and of −1 and 1: two points once the zeros are left out.
class TwoPoints : public WeightSource {
 public:
  at::Tensor read(const TensorSpec& spec) override {
    return (at::arange(spec.shape[0] * spec.shape[1]) % 4 - 1)
        .clamp_max(1)
        .masked_fill(at::arange(spec.shape[0] * spec.shape[1]) % 4 == 1, 0)
        .to(at::kFloat)
        .reshape(spec.shape);
  }
  std::uint64_t bytes_read() const override { return 0; }
};

TEST(WeightMoments, TellZerosApart) {
  TwoPoints source;  // −1 0 1 1, over and over
  const TensorSpec tensor{.role = Role::kQuery, .layer = 0, .name = "q", .shape = {64, 1024}};
  ModelConfig config;
  config.layers.resize(1);
  const std::vector<RoleMoments> roles = weight_moments(config, {tensor}, source, at::kBFloat16, {});
  ASSERT_EQ(roles.size(), 1u);
  EXPECT_EQ(roles[0].nonzero.count(), 3 * 64 * 1024 / 4);
  EXPECT_NEAR(roles[0].nonzero.mean(), 1.0 / 3, 1e-12);
  EXPECT_NEAR(roles[0].nonzero.excess_kurtosis(), -1.5, 1e-9);  // of −1 1 1: 1/(p·q) − 6 with p = 1/3
  EXPECT_NEAR(roles[0].all.variance(), 0.75 - 0.0625, 1e-12);
}

TEST(WeightMoments, CountSharedExpertsOnce) {
  TwoPoints source;
  ModelConfig config;
  config.layers.resize(1);
  config.layers[0].mlp = LayerConfig::Mlp::kMoe;
  config.layers[0].experts = 3;
  config.layers[0].expert_storage = {0, 0, 2};
  std::vector<TensorSpec> tensors;
  for (const int expert : {0, 1, 2})
    tensors.push_back({.role = Role::kExpertUp, .layer = 0, .expert = expert, .name = std::to_string(expert), .shape = {4, 4}});
  EXPECT_EQ(weight_moments(config, tensors, source, at::kFloat, {})[0].all.count(), 32);
}

}  // namespace
}  // namespace winnow
