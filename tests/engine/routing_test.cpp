#include "harness/engine/routing.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/engine/golden_models.h"
#include "tests/engine/random_models.h"

namespace winnow {
namespace {

using testing::ElementsAre;
using testing::FloatNear;

// A router whose probabilities for the input (1) are those given.
MoeWeights router_with(const std::vector<float>& probabilities) {
  MoeWeights moe;
  moe.router = at::tensor(probabilities).log().unsqueeze(1);
  return moe;
}

std::vector<std::int64_t> experts_of(const Routing& routing) {
  return std::vector<std::int64_t>(routing.experts.const_data_ptr<std::int64_t>(), routing.experts.const_data_ptr<std::int64_t>() + routing.experts.numel());
}
std::vector<float> weights_of(const Routing& routing) {
  return std::vector<float>(routing.weights.const_data_ptr<float>(), routing.weights.const_data_ptr<float>() + routing.weights.numel());
}

Routing route_one(const MoeWeights& moe, std::int64_t k, bool renormalize) {
  return route({.experts_per_token = k, .renormalize = renormalize}, moe, at::ones({1, 1}));
}

TEST(Routing, TakesTheLargestByFallingProbability) {
  const Routing routing = route_one(router_with({0.1f, 0.4f, 0.2f, 0.3f}), 2, true);
  EXPECT_THAT(experts_of(routing), ElementsAre(1, 3));
  EXPECT_THAT(weights_of(routing), ElementsAre(FloatNear(0.4f / 0.7f, 1e-6f), FloatNear(0.3f / 0.7f, 1e-6f)));
}

TEST(Routing, KeepsSoftmaxWeightsWhereTheFamilyDoesNotRenormalise) {
  EXPECT_THAT(weights_of(route_one(router_with({0.1f, 0.4f, 0.2f, 0.3f}), 2, false)), ElementsAre(FloatNear(0.4f, 1e-6f), FloatNear(0.3f, 1e-6f)));
}

TEST(Routing, GivesTiesToTheLowerIndex) { EXPECT_THAT(experts_of(route_one(router_with({0.1f, 0.3f, 0.3f, 0.3f}), 2, true)), ElementsAre(1, 2)); }

TEST(Routing, ChoosesNoMoreExpertsThanThereAre) {
  const Routing routing = route_one(router_with({1.0f}), 2, true);
  EXPECT_THAT(experts_of(routing), ElementsAre(0));
  EXPECT_THAT(weights_of(routing), ElementsAre(1.0f));
}

TEST(Skipping, SkipsTheSecondExpertBelowBetaTimesTheFirst) {
  MoeWeights moe = router_with({0.6f, 0.3f, 0.1f});
  moe.skip_beta = 0.51;
  const Routing routing = route_one(moe, 2, true);
  EXPECT_THAT(experts_of(routing), ElementsAre(0, 1)) << "the id of a skipped expert stays";
  EXPECT_THAT(weights_of(routing), ElementsAre(1.0f, 0.0f));
  moe.skip_beta = 0.49;
  EXPECT_THAT(weights_of(route_one(moe, 2, true)), ElementsAre(FloatNear(2 / 3.0f, 1e-6f), FloatNear(1 / 3.0f, 1e-6f)));
}

TEST(Skipping, IsStrict) {
  MoeWeights moe;
  moe.router = at::zeros({2, 1});  // two equal probabilities: p2 = 1 · p1, not below it
  moe.skip_beta = 1.0;
  EXPECT_THAT(weights_of(route_one(moe, 2, true)), ElementsAre(0.5f, 0.5f));
}

// By hand, β = 0.5, weights 0.4 0.3 0.2 0.1: after one 0.6 ≥ 0.2; after two 0.3 < 0.35, so two stay and share 0.7.
TEST(Skipping, KeepsTheShortestBeginningThatOutweighsTheRest) {
  MoeWeights moe = router_with({0.2f, 0.4f, 0.1f, 0.3f});
  moe.skip_beta = 0.5;
  const Routing routing = route_one(moe, 4, true);
  EXPECT_THAT(experts_of(routing), ElementsAre(1, 3, 0, 2));
  EXPECT_THAT(weights_of(routing), ElementsAre(FloatNear(4 / 7.0f, 1e-6f), FloatNear(3 / 7.0f, 1e-6f), 0.0f, 0.0f));
}

TEST(Skipping, LeavesTheCarriedWeightWhereTheFamilyDoesNotRenormalise) {
  MoeWeights moe = router_with({0.5f, 0.1f, 0.4f});
  moe.skip_beta = 0.9;
  const std::vector<float> weights = weights_of(route_one(moe, 2, false));
  EXPECT_THAT(weights, ElementsAre(FloatNear(0.9f, 1e-6f), 0.0f));
}

TEST(Skipping, ASkippedExpertIsNotComputed) {
  Model model = random_model({.layers = 1, .experts = 4}, 3);
  model.layers[0].moe->skip_beta = 1e9;  // only the first expert of a token is left
  std::int64_t computed = 0;
  Observer observer;
  observer.expert = [&](const ExpertCall& call) { computed += call.rows.size(0); };
  forward(model, {{1, 2, 3, 4, 5}, {{.first_row = 0, .rows = 5}}}, {4}, observer);
  EXPECT_EQ(computed, 5);
}

}  // namespace
}  // namespace winnow
