#include "harness/pruning/walk_together.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <random>

#include "harness/engine/experts.h"
#include "harness/model/checkpoint.h"
#include "harness/pruning/apply.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

using testing::HasSubstr;

// The small Mixtral of the fixtures and plans for it.
class WalkTogether : public testing::Test {
 protected:
  WalkTogether() : checkpoint_(Checkpoint::open(test::fixture("models/mixtral_f32"))) {
    std::mt19937 random(3);
    for (const std::size_t length : {9, 5, 12, 7}) {
      tokens_.sequences.emplace_back();
      for (std::size_t i = 0; i < length; ++i) tokens_.sequences.back().push_back(static_cast<std::int32_t>(random() % checkpoint_->config().vocabulary));
      first_predicted_.push_back(length == 5 ? 3 : 1);
    }
  }

  const ModelConfig& config() const { return checkpoint_->config(); }
  PrunePlan keep(int dropped) const {
    PrunePlan plan;
    for (int layer = 0; layer < std::ssize(config().layers); ++layer) {
      if (config().layers[layer].mlp != LayerConfig::Mlp::kMoe) continue;
      LayerPlan of_layer{.layer = layer};
      for (int expert = dropped; expert < config().layers[layer].experts; ++expert) of_layer.kept.push_back(expert);
      plan.layers.push_back(of_layer);
    }
    return plan;
  }

  TogetherWalk walk(const std::vector<PrunedCheckpoint>& variants, std::size_t per_batch = 2) const {
    TogetherWalk walk{.dense = {config(), checkpoint_->tensors(), *checkpoint_, true, true},
                      .variants = {},
                      .options = {.dtype = at::kFloat, .sequences_per_batch = per_batch},
                      .on_failed = [](std::size_t, const std::string& reason) { ADD_FAILURE() << reason; },
                      .on_step = [] {}};
    for (const PrunedCheckpoint& pruned : variants) walk.variants.push_back({pruned.config, pruned.tensors, *pruned.weights, false, true});
    return walk;
  }
  PrunedCheckpoint apply(const PrunePlan& plan) const { return apply_plan(plan, config(), checkpoint_->tensors(), *checkpoint_); }

  using Compared = std::map<std::size_t, std::vector<TokenComparison>>;  // by variant, all sequences in order
  Compared compare(const TogetherWalk& walk) const {
    Compared all;
    std::map<std::size_t, std::size_t> next;
    walk_to_tokens(walk, tokens_, first_predicted_, [&](std::size_t variant, std::size_t sequence, const std::vector<TokenComparison>& predicted) {
      EXPECT_EQ(sequence, next[variant]++);
      EXPECT_EQ(predicted.size(), tokens_.sequences[sequence].size() - first_predicted_[sequence]);
      all[variant].insert(all[variant].end(), predicted.begin(), predicted.end());
    });
    return all;
  }

  std::unique_ptr<Checkpoint> checkpoint_;
  CalibrationTokens tokens_;
  std::vector<std::size_t> first_predicted_;
};

PackedBatch alone(const std::vector<std::int32_t>& sequence) { return {sequence, {{.first_row = 0, .rows = std::ssize(sequence)}}}; }

std::vector<std::vector<double>> log_probabilities(const Model& model, const std::vector<std::int32_t>& sequence) {
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < sequence.size(); ++i) rows.push_back(static_cast<std::int64_t>(i));
  const at::Tensor all = logits(model, forward(model, alone(sequence), rows));
  std::vector<std::vector<double>> result;
  for (std::int64_t row = 0; row < all.size(0); ++row) {
    std::vector<double> values;
    double largest = -1e300, sum = 0;
    for (std::int64_t i = 0; i < all.size(1); ++i) values.push_back(all[row][i].item<float>());
    for (const double value : values) largest = std::max(largest, value);
    for (const double value : values) sum += std::exp(value - largest);
    for (double& value : values) value -= largest + std::log(sum);
    result.push_back(values);
  }
  return result;
}

TEST_F(WalkTogether, GivesWhatTwoModelsGiveOneAfterTheOther) {
  const PrunePlan plan = keep(2);
  std::vector<PrunedCheckpoint> variants;
  variants.push_back(apply(plan));
  const Compared compared = compare(walk(variants));
  const LoadOptions options{.dtype = at::kFloat, .kept_experts = {}};
  const Model dense = load_model(config(), checkpoint_->tensors(), *checkpoint_, options);
  const Model pruned = load_model(variants[0].config, variants[0].tensors, *variants[0].weights, options);
  auto token = compared.at(0).begin();
  double largest = 0;
  for (std::size_t s = 0; s < tokens_.sequences.size(); ++s) {
    const auto p = log_probabilities(dense, tokens_.sequences[s]), q = log_probabilities(pruned, tokens_.sequences[s]);
    for (std::size_t t = first_predicted_[s]; t < tokens_.sequences[s].size(); ++t, ++token) {
      double divergence = 0;
      for (std::size_t i = 0; i < p[t - 1].size(); ++i) divergence += std::exp(p[t - 1][i]) * (p[t - 1][i] - q[t - 1][i]);
      EXPECT_NEAR(token->divergence, divergence, 1e-6);
      largest = std::max(largest, token->divergence);
      EXPECT_NEAR(token->dense_log_probability, p[t - 1][tokens_.sequences[s][t]], 1e-5);
      EXPECT_NEAR(token->variant_log_probability, q[t - 1][tokens_.sequences[s][t]], 1e-5);
      const bool same = std::ranges::max_element(p[t - 1]) - p[t - 1].begin() == std::ranges::max_element(q[t - 1]) - q[t - 1].begin();
      EXPECT_EQ(token->same_top, same);
    }
  }
  EXPECT_EQ(token, compared.at(0).end());
  EXPECT_GT(largest, 0.1);
}

TEST_F(WalkTogether, AModelDivergesFromItselfByExactlyNothing) {
  const PrunePlan everything = keep(0);
  std::vector<PrunedCheckpoint> variants;
  variants.push_back(apply(everything));  // walked by itself
  TogetherWalk together = walk(variants);
  together.variants.push_back(together.dense);  // not walked again
  const Compared compared = compare(together);
  for (const std::size_t variant : {0, 1}) {
    ASSERT_FALSE(compared.at(variant).empty());
    for (const TokenComparison& token : compared.at(variant)) {
      EXPECT_EQ(token.divergence, 0);
      EXPECT_EQ(token.dense_log_probability, token.variant_log_probability);
      EXPECT_TRUE(token.same_top);
    }
  }
}

TEST_F(WalkTogether, SeveralVariantsAreEachWhatTheyAreAlone) {
  const PrunePlan one = keep(1), two = keep(2);
  std::vector<PrunedCheckpoint> first, both;
  first.push_back(apply(two));
  both.push_back(apply(one));
  both.push_back(apply(two));
  const Compared alone = compare(walk(first)), together = compare(walk(both));
  ASSERT_EQ(alone.at(0).size(), together.at(1).size());
  for (std::size_t i = 0; i < alone.at(0).size(); ++i) EXPECT_EQ(alone.at(0)[i].divergence, together.at(1)[i].divergence);
  const Compared packed = compare(walk(first, 100));
  for (std::size_t i = 0; i < alone.at(0).size(); ++i)
    EXPECT_NEAR(alone.at(0)[i].divergence, packed.at(0)[i].divergence, 2e-5);  // sums of logits near 30 in another order
}

// Weights of one tensor that are not numbers.
class Spoilt : public WeightSource {
 public:
  Spoilt(WeightSource& source, Role role, float value) : source_(source), role_(role), value_(value) {}
  at::Tensor read(const TensorSpec& spec) override {
    if (spec.role != role_) return source_.read(spec);
    if (std::isnan(value_)) throw Error(ErrorKind::kInput, "tensor " + spec.name + " holds NaN");
    return at::full(spec.shape, value_);
  }
  std::uint64_t bytes_read() const override { return 0; }

 private:
  WeightSource& source_;
  Role role_;
  float value_;
};

TEST_F(WalkTogether, AVariantThatFailsLeavesTheOthersAlone) {
  const PrunePlan plan = keep(1);
  const PrunedCheckpoint whole = apply(plan);
  Spoilt missing(*whole.weights, Role::kQuery, std::nanf("")), infinite(*whole.weights, Role::kFinalNorm, std::numeric_limits<float>::infinity());
  TogetherWalk together = walk({});
  together.variants.push_back({whole.config, whole.tensors, missing, false, true});
  together.variants.push_back({whole.config, whole.tensors, *whole.weights, false, true});
  together.variants.push_back({whole.config, whole.tensors, infinite, false, false});
  std::map<std::size_t, std::string> failed;
  together.on_failed = [&](std::size_t variant, const std::string& reason) { EXPECT_TRUE(failed.emplace(variant, reason).second); };
  const Compared compared = compare(together);
  EXPECT_THAT(failed.at(0), HasSubstr("holds NaN"));
  EXPECT_EQ(failed.at(2), "its logits are not finite");
  EXPECT_EQ(compared.size(), 1u);
  EXPECT_GT(compared.at(1).front().divergence, 0);
}

TEST_F(WalkTogether, MoeLayersAreComparedOnTheDenseModelsInputsAndOnTheirOwn) {
  const PrunePlan plan = keep(2);
  std::vector<PrunedCheckpoint> variants;
  variants.push_back(apply(plan));
  const std::vector<std::vector<MoeComparison>> compared = walk_moe_layers(walk(variants), tokens_);
  const LoadOptions options{.dtype = at::kFloat, .kept_experts = {}};
  const Model dense = load_model(config(), checkpoint_->tensors(), *checkpoint_, options);
  const Model pruned = load_model(variants[0].config, variants[0].tensors, *variants[0].weights, options);
  std::map<int, MoeComparison> expected;
  for (const auto& sequence : tokens_.sequences) {
    std::map<int, at::Tensor> inputs, outputs, own;
    Observer watch_dense, watch_pruned;
    watch_dense.moe_input = [&](int layer, const at::Tensor& hidden) { inputs[layer] = hidden.clone(); };
    watch_dense.moe_output = [&](int layer, const at::Tensor& hidden) { outputs[layer] = hidden.clone(); };
    watch_pruned.moe_output = [&](int layer, const at::Tensor& hidden) { own[layer] = hidden.clone(); };
    watch_pruned.routing = [&](int layer, const Routing& routing) { expected[layer].variant_load.push_back(routing.experts.numel()); };
    forward(dense, alone(sequence), {0}, watch_dense);
    forward(pruned, alone(sequence), {0}, watch_pruned);
    for (const auto& [layer, output] : outputs) {
      expected[layer].dense_squares += output.to(at::kDouble).square().sum().item<double>();
      expected[layer].own_input_squares += (own.at(layer) - output).to(at::kDouble).square().sum().item<double>();
      const at::Tensor same = run_moe(pruned.config.router, *pruned.layers[layer].moe, layer, inputs.at(layer), {});
      expected[layer].same_input_squares += (same - output).to(at::kDouble).square().sum().item<double>();
    }
  }
  ASSERT_EQ(compared.at(0).size(), expected.size());
  for (const MoeComparison& layer : compared.at(0)) {
    const MoeComparison& of_test = expected.at(layer.layer);
    EXPECT_NEAR(layer.dense_squares, of_test.dense_squares, 1e-5 * of_test.dense_squares);
    EXPECT_NEAR(layer.same_input_squares, of_test.same_input_squares, 1e-4 * of_test.same_input_squares);
    EXPECT_NEAR(layer.own_input_squares, of_test.own_input_squares, 1e-4 * of_test.own_input_squares);
    EXPECT_GT(layer.same_input_squares, 0);
    std::int64_t routed = 0, asked = 0;
    for (const std::int64_t rows : layer.variant_load) routed += rows;
    for (const std::int64_t rows : of_test.variant_load) asked += rows;
    EXPECT_EQ(routed, asked);
    EXPECT_EQ(layer.variant_load.size() + 2, layer.dense_load.size());
  }
  // The first layer has the same inputs either way.
  EXPECT_NEAR(compared.at(0).front().same_input_squares, compared.at(0).front().own_input_squares, 1e-9 + 1e-4 * compared.at(0).front().own_input_squares);
}

TEST_F(WalkTogether, TheDenseModelAsAVariantHasNoError) {
  TogetherWalk together = walk({});
  together.variants.push_back(together.dense);
  const auto compared = walk_moe_layers(together, tokens_);
  for (const MoeComparison& layer : compared.at(0)) {
    EXPECT_GT(layer.dense_squares, 0);
    EXPECT_EQ(layer.same_input_squares, 0);
    EXPECT_EQ(layer.own_input_squares, 0);
    EXPECT_EQ(layer.dense_load, layer.variant_load);
  }
}

}  // namespace
}  // namespace winnow
