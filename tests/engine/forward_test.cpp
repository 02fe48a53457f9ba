#include "harness/engine/forward.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "harness/engine/cuda.h"
#include "harness/engine/kernels/cpu_path.h"
#include "harness/engine/linear.h"
#include "tests/engine/golden_models.h"
#include "tests/engine/random_models.h"
#include "tests/support/errors.h"

namespace winnow {
namespace {

using testing::HasSubstr;

PackedBatch one_sequence(std::vector<std::int32_t> tokens) {
  const std::int64_t rows = static_cast<std::int64_t>(tokens.size());
  return {std::move(tokens), {{.first_row = 0, .rows = rows}}};
}

std::string failure_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const std::runtime_error& failure) {
    return failure.what();
  }
  return "(nothing was thrown)";
}

TEST(NonFinite, NamesPositionAndFirstLayer) {
  Model model = random_model({.layers = 3}, 5);
  at::Tensor& down = const_cast<at::Tensor&>(model.layers[1].moe->experts[0]->down.weight);
  down.fill_(std::numeric_limits<float>::infinity());
  for (auto& expert : model.layers[1].moe->experts) expert = model.layers[1].moe->experts[0];
  EXPECT_EQ(failure_of([&] {
              forward(model, one_sequence({1, 2, 3}), {2});
            }),
            "the logits at position 2 (row 2 of the batch, token 3) are not finite: the first non-finite value appears in layer 1");
}

TEST(NonFinite, CountsPositionsFromTheStartOfTheSequence) {
  Model model = random_model({.layers = 2}, 5);
  KvBlock block;
  PackedBatch first = one_sequence({1, 2});
  first.segments[0].kept = &block;
  forward(model, first, {1});
  model.layers[0].mlp_norm.fill_(NAN);
  const PackedBatch second{{7, 8}, {{.first_row = 0, .rows = 2, .context = {{&block, 2}}}}};
  EXPECT_THAT(failure_of([&] { forward(model, second, {1}); }),
              HasSubstr("at position 3 (row 1 of the batch, token 8) are not finite: the first non-finite value appears in layer 0"));
}

TEST(NonFinite, IsFoundInTheOutputHeadToo) {
  Model model = random_model({}, 5);
  model.output_head.weight[3].fill_(NAN);
  const at::Tensor normed = forward(model, one_sequence({1, 2, 3}), {1, 2});
  EXPECT_EQ(failure_of([&] { score_rows(model, normed, {0, 0}); }), "the logits of row 0 are not finite");
  EXPECT_EQ(failure_of([&] { greedy_tokens(model, normed); }), "the logits of row 0 are not finite");
}

TEST(Scores, AreLogSoftmaxInF32AndTheFirstArgmax) {
  const Model model = random_model({.vocabulary = 500}, 6);
  std::vector<std::int32_t> tokens(600);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int32_t>(i * 37 % 500);
  std::vector<std::int64_t> rows(tokens.size());
  std::iota(rows.begin(), rows.end(), 0);
  const at::Tensor normed = forward(model, one_sequence(tokens), rows);
  const at::Tensor all = logits(model, normed).to(at::kDouble);
  const at::Tensor expected = all.log_softmax(1), best = all.argmax(1);
  const std::vector<TokenScore> scores = score_rows(model, normed, tokens);
  const std::vector<std::int32_t> greedy = greedy_tokens(model, normed);
  for (std::int64_t row = 0; row < 600; ++row) {
    EXPECT_NEAR(scores[row].log_probability, expected[row][tokens[row]].item<double>(), 1e-5);
    EXPECT_EQ(scores[row].is_greedy, best[row].item<std::int64_t>() == tokens[row]);
    EXPECT_EQ(greedy[row], best[row].item<std::int64_t>());
  }
}

TEST(Scores, ATieGoesToTheFirstToken) {
  Model model = random_model({}, 6);
  model.output_head.weight.copy_(model.output_head.weight[4].expand_as(model.output_head.weight));
  const at::Tensor normed = forward(model, one_sequence({1}), {0});
  EXPECT_EQ(greedy_tokens(model, normed)[0], 0);
  EXPECT_FALSE(score_rows(model, normed, {4})[0].is_greedy);
}

// Every callback of Observer, in the order of the forward pass, with values that fit together.
TEST(Observer, SeesEveryStepOfALayer) {
  const Model model = random_model({.layers = 1, .family = "qwen2_moe"}, 7);
  for (const CpuPath path : {CpuPath::kAvx512, CpuPath::kOperators}) {
    const ForceCpuPath force(path);
    std::vector<std::string> steps;
    std::vector<Role> roles;
    at::Tensor before, input, output, after, sum, down_input;
    Routing seen;
    Observer observer;
    observer.layer_input = [&](int, const at::Tensor& hidden) { steps.push_back("layer_input"), before = hidden; };
    observer.layer_output = [&](int, const at::Tensor& hidden) { steps.push_back("layer_output"), after = hidden; };
    observer.moe_input = [&](int, const at::Tensor& hidden) { steps.push_back("moe_input"), input = hidden, sum = at::zeros_like(hidden); };
    observer.moe_output = [&](int, const at::Tensor& hidden) { steps.push_back("moe_output"), output = hidden; };
    observer.routing = [&](int, const Routing& routing) { steps.push_back("routing"), seen = routing; };
    observer.linear = [&](const LinearInput& call) {
      roles.push_back(call.role);
      if (call.role == Role::kSharedDown) down_input = call.input;
    };
    observer.expert = [&](const ExpertCall& call) {
      const GatedMlp& mlp = *model.layers[0].moe->experts[call.expert];
      EXPECT_TRUE(call.input.equal(input.index_select(0, call.rows)));
      EXPECT_LE(largest_difference(call.activation, at::silu(at::linear(call.input, mlp.gate.weight)) * at::linear(call.input, mlp.up.weight)), 1e-5);
      EXPECT_LE(largest_difference(call.output, at::linear(call.activation, mlp.down.weight)), 1e-5);
      const at::Tensor weight = (seen.weights * (seen.experts == call.expert)).sum(1).index_select(0, call.rows);
      sum.index_add_(0, call.rows, call.output * weight.unsqueeze(1));
    };
    forward(model, one_sequence({1, 2, 3, 4, 5, 6}), {5}, observer);
    EXPECT_THAT(steps, testing::ElementsAre("layer_input", "moe_input", "routing", "moe_output", "layer_output"));
    EXPECT_THAT(roles, testing::ElementsAre(Role::kQuery, Role::kKey, Role::kValue, Role::kOutput, Role::kRouter, Role::kSharedGate, Role::kSharedUp,
                                            Role::kSharedDown, Role::kSharedRouter));
    const MoeWeights& moe = *model.layers[0].moe;
    const at::Tensor shared = at::linear(down_input, moe.shared->down.weight) * at::linear(input, moe.shared_router).sigmoid();
    EXPECT_LE(largest_difference(output, sum + shared), 1e-5);
    EXPECT_GT(largest_difference(after, before), 0);
  }
}

// A shape that fills whole panels and vectors and leaves rests, on every path this CPU has.
TEST(CpuPaths, AgreeInBothDtypes) {
  const RandomShape shape{.hidden = 192, .heads = 6, .kv_heads = 2, .layers = 2, .experts = 4, .width = 136, .vocabulary = 131, .family = "qwen2_moe"};
  std::vector<std::int32_t> tokens(150);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int32_t>(i * i % 131);
  for (const auto& [dtype, tolerance] : {std::pair(at::kFloat, 2e-5), std::pair(at::kBFloat16, 0.25)}) {
    const Model model = random_model(shape, 8, dtype);
    const auto run = [&](CpuPath path) {
      const ForceCpuPath force(path);
      return logits(model, forward(model, one_sequence(tokens), {10, 149})).to(at::kFloat);
    };
    const at::Tensor operators = run(CpuPath::kOperators);
    EXPECT_LE(largest_difference(run(CpuPath::kAvx512), operators), tolerance) << toString(dtype);
    EXPECT_LE(largest_difference(run(CpuPath::kAvx512AndAmx), operators), tolerance) << toString(dtype);
  }
}

TEST(LoadModel, NeverReadsADroppedExpert) {
  const Json json = config_of({.layers = 2, .experts = 4});
  const auto family = family_of(json).make(Params{});
  const ModelConfig config = family->read(json);
  WideWeights weights(9);
  const Model model = load_model(config, family->tensors(config), weights, {.dtype = at::kFloat, .kept_experts = {{1, 3}, {}}});
  EXPECT_EQ(model.layers[0].moe->experts.size(), 2u);
  EXPECT_THAT(model.layers[0].moe->original_index, testing::ElementsAre(1, 3));
  EXPECT_EQ(model.layers[0].moe->router.size(0), 2);
  EXPECT_EQ(model.config.layers[0].experts, 2);
  EXPECT_EQ(model.layers[1].moe->experts.size(), 4u);
  for (const std::string& name : weights.names_read()) EXPECT_THAT(name, testing::Not(testing::ContainsRegex("layers\\.0\\..*experts\\.[02]\\.")));
}

TEST(LoadModel, SharedExpertsAreOneStorage) {
  Model model = random_model({.layers = 1, .experts = 3}, 10);
  model.layers[0].moe->experts[2] = model.layers[0].moe->experts[0];
  const at::Tensor shared = forward(model, one_sequence({1, 2, 3, 4}), {3});
  Model copied = random_model({.layers = 1, .experts = 3}, 10);
  const GatedMlp& first = *copied.layers[0].moe->experts[0];
  copied.layers[0].moe->experts[2] =
      std::make_shared<GatedMlp>(GatedMlp{{first.gate.weight.clone(), {}}, {first.up.weight.clone(), {}}, {first.down.weight.clone(), {}}});
  EXPECT_TRUE(shared.equal(forward(copied, one_sequence({1, 2, 3, 4}), {3})));
}

TEST(Cuda, IsRefusedWithItsReasonWhereThereIsNone) {
  try {
    const at::Device device = open_cuda();
    EXPECT_TRUE(device.is_cuda());
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), testing::AllOf(testing::StartsWith("device cuda: "), HasSubstr("libtorch_cuda.so"), HasSubstr("use device cpu")));
  }
}

}  // namespace
}  // namespace winnow
