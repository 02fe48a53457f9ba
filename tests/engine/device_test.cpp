#include "harness/engine/device_path.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>

#include "harness/engine/bitmap.h"
#include "harness/engine/device_experts.h"
#include "harness/engine/ragged_attention.h"
#include "harness/engine/timed_batch.h"
#include "tests/engine/device_checks.h"
#include "tests/engine/operator_count.h"
#include "tests/support/errors.h"

// The path that other devices take, run on the CPU against the CPU's own.
namespace winnow {
namespace {

std::string name_of(const RandomShape& shape) {
  return fmt::format("{} {} experts width {} window {}", shape.family, shape.experts, shape.width, shape.window.value_or(0));
}

Workload by_device_path(const RandomShape& shape, at::ScalarType dtype, int steps, std::optional<double> skip_beta = {}) {
  const ForceDevicePath forced;
  Model model = random_model(shape, 3, dtype);
  for (LayerWeights& layer : model.layers) {
    if (layer.moe) layer.moe->skip_beta = skip_beta;
  }
  return run_workload(model, steps);
}

Workload by_cpu_path(const RandomShape& shape, at::ScalarType dtype, int steps, std::optional<double> skip_beta = {}) {
  Model model = random_model(shape, 3, dtype);
  for (LayerWeights& layer : model.layers) {
    if (layer.moe) layer.moe->skip_beta = skip_beta;
  }
  return run_workload(model, steps);
}

TEST(DevicePath, EqualsTheCpusOwnInF32) {
  for (const RandomShape& shape : device_shapes()) expect_near(by_device_path(shape, at::kFloat, 12), by_cpu_path(shape, at::kFloat, 12), 5e-5, name_of(shape));
}

TEST(DevicePath, EqualsTheCpusOwnWhereBlocksOutgrowTheirStore) {
  const RandomShape shape = device_shapes()[0];
  expect_near(by_device_path(shape, at::kFloat, 140), by_cpu_path(shape, at::kFloat, 140), 5e-5, name_of(shape));
}

TEST(DevicePath, IsNearTheCpusOwnInBf16) {
  const RandomShape shape = device_shapes()[3];  // no router, whose nearly equal experts rounding would swap
  expect_near(by_device_path(shape, at::kBFloat16, 6), by_cpu_path(shape, at::kBFloat16, 6), 0.1, name_of(shape));
}

TEST(DevicePath, SkipsTheExpertsThatTheCpuSkips) {
  for (const std::size_t index : {0, 1, 2}) {
    const RandomShape shape = device_shapes()[index];
    expect_near(by_device_path(shape, at::kFloat, 4, 0.6), by_cpu_path(shape, at::kFloat, 4, 0.6), 5e-5, name_of(shape));
  }
}

// Three prompts, each in a block of its own, then steps.
struct Conversation {
  explicit Conversation(const Model& with) : model(with) {
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      PackedBatch batch;
      append_segment(batch, some_tokens(5 + static_cast<std::int64_t>(i), model.config.vocabulary, i), {}, &prompts[i]);
      forward(model, batch, {0});
    }
  }
  at::Tensor step() {
    PackedBatch batch;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      std::vector<ContextPart> context = {{&prompts[i], prompts[i].length}};
      if (replies[i].length > 0) context.push_back({&replies[i], replies[i].length});
      append_segment(batch, {static_cast<std::int32_t>(3 + i)}, context, &replies[i]);
    }
    return forward(model, batch, rows_of(batch)).cpu();
  }
  const Model& model;
  std::array<KvBlock, 3> prompts, replies;
};

TEST(DevicePath, StepsReadPromptsInOneStoreAndFindWhatTheCpuFinds) {
  const RandomShape shape = device_shapes()[0];
  const Model model = random_model(shape, 3);
  Conversation expected(model);
  std::vector<at::Tensor> there;
  for (int i = 0; i < 5; ++i) there.push_back(expected.step());
  const ForceDevicePath forced;
  const Model same = random_model(shape, 3);
  Conversation found(same);
  EXPECT_FALSE(found.prompts[1].keys[0].is_alias_of(found.prompts[0].keys[0]));
  for (int i = 0; i < 5; ++i) EXPECT_LE(largest_difference(found.step(), there[i]), 5e-5) << i;
  for (std::size_t layer = 0; layer < same.layers.size(); ++layer) {
    for (std::size_t i = 1; i < 3; ++i) {
      EXPECT_TRUE(found.prompts[i].keys[layer].is_alias_of(found.prompts[0].keys[layer])) << layer;
      EXPECT_TRUE(found.prompts[i].values[layer].is_alias_of(found.prompts[0].values[layer])) << layer;
      EXPECT_EQ(found.prompts[i].keys[layer].size(0), found.prompts[i].length);
    }
  }
}

// Of a step of one sequence, that more layers take: on a GPU each is a kernel to launch, and at batch size 1 that is what a step lasts.
TEST(DevicePath, AStepTakesFewOperatorsALayer) {
  const ForceDevicePath forced;
  const auto operators_of = [](int layers) {
    RandomShape shape = device_shapes()[0];
    shape.layers = layers;
    const Model model = random_model(shape, 3, at::kBFloat16);
    std::array<KvBlock, 2> blocks;
    PackedBatch batch;
    for (KvBlock& block : blocks) append_segment(batch, some_tokens(9, shape.vocabulary, 1), {}, &block);
    forward(model, batch, {0});
    const auto step = [&] {
      PackedBatch one;
      for (KvBlock& block : blocks) append_segment(one, {3}, {{&block, block.length}}, &block);
      forward(model, one, {0, 1});
    };
    step();
    const test::OperatorCount count;
    step();
    return count.by_name();
  };
  int more = 0;
  const std::map<std::string, int> two = operators_of(2);
  std::string told;
  for (const auto& [name, count] : operators_of(3)) {
    const int own = count - (two.contains(name) ? two.at(name) : 0);
    more += own;
    if (own > 0) told += fmt::format("{} {}, ", own, name);
  }
  RecordProperty("operators_of_a_layer", more);
  EXPECT_LE(more, 63) << told;
}

TEST(DevicePath, KeptExpertsLieInOneStack) {
  const ForceDevicePath forced;
  const Model model = random_model(device_shapes()[0], 3);
  for (const LayerWeights& layer : model.layers) {
    ASSERT_TRUE(layer.moe->stack.has_value());
    EXPECT_FALSE(layer.moe->stack->place.defined());
    for (std::size_t expert = 0; expert < layer.moe->experts.size(); ++expert) {
      const GatedMlp& mlp = *layer.moe->experts[expert];
      EXPECT_EQ(mlp.down.weight.const_data_ptr(), layer.moe->stack->down[static_cast<std::int64_t>(expert)].const_data_ptr());
      EXPECT_TRUE(
          mlp.up.weight.equal(layer.moe->stack->gate_up[static_cast<std::int64_t>(expert)].narrow(0, mlp.gate.out_features(), mlp.gate.out_features())));
    }
  }
}

TEST(DevicePath, ShowsObserversTheSameExpertCalls) {
  const RandomShape shape = device_shapes()[0];
  const auto calls_of = [&](const Model& model) {
    std::vector<ExpertCall> calls;
    PackedBatch batch;
    append_segment(batch, some_tokens(17, shape.vocabulary, 9), {}, nullptr);
    forward(model, batch, {0}, {.expert = [&](const ExpertCall& call) { calls.push_back(call); }});
    return calls;
  };
  const std::vector<ExpertCall> expected = calls_of(random_model(shape, 3));
  const ForceDevicePath forced;
  const std::vector<ExpertCall> found = calls_of(random_model(shape, 3));
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found[i].layer, expected[i].layer);
    EXPECT_EQ(found[i].expert, expected[i].expert);
    EXPECT_TRUE(found[i].rows.equal(expected[i].rows));
    EXPECT_LE(largest_difference(found[i].input, expected[i].input), 1e-5);
    EXPECT_LE(largest_difference(found[i].activation, expected[i].activation), 1e-5);
    EXPECT_LE(largest_difference(found[i].output, expected[i].output), 1e-5);
  }
}

TEST(DevicePath, ExpertsMergedInPlaceRunWithOneMatrix) {
  const ForceDevicePath forced;
  const RandomShape shape = device_shapes()[0];
  Json json = config_of(shape);
  const auto family = family_of(json).make(Params{});
  ModelConfig config = family->read(json);
  for (LayerConfig& layer : config.layers) layer.expert_storage = {0, 1, 0, 3, 1, 5};
  WideWeights weights(3);
  const Model merged = load_model(config, family->tensors(config), weights, {.dtype = at::kFloat});
  EXPECT_EQ(merged.layers[0].moe->stack->down.size(0), 4);
  Model plain = merged;
  for (LayerWeights& layer : plain.layers) layer.moe->stack.reset();  // expert by expert
  expect_near(run_workload(merged, 3), run_workload(plain, 3), 1e-5, "merged");
}

// Random weights of which a share is zero, as masks leave them.
class SparseWeights : public WeightSource {
 public:
  SparseWeights(std::uint64_t seed, double kept) : dense_(seed), kept_(kept) {}
  at::Tensor read(const TensorSpec& spec) override {
    const at::Tensor tensor = dense_.read(spec);
    if (spec.expert < 0) return tensor;
    const at::Tensor flat = tensor.abs().flatten();
    const at::Tensor cut = std::get<0>(flat.kthvalue(static_cast<std::int64_t>(static_cast<double>(flat.numel()) * (1 - kept_))));
    return tensor.masked_fill(tensor.abs() <= cut, 0);
  }
  std::uint64_t bytes_read() const override { return 0; }
  bool gives_away() const override { return true; }

 private:
  WideWeights dense_;
  double kept_;
};

Model sparse_model(LoadOptions::Experts experts, double kept, std::vector<int> storage = {}) {
  const Json json = config_of(device_shapes()[0]);
  const auto family = family_of(json).make(Params{});
  ModelConfig config = family->read(json);
  for (LayerConfig& layer : config.layers) layer.expert_storage = storage;
  SparseWeights weights(3, kept);
  return load_model(config, family->tensors(config), weights, {.dtype = at::kFloat, .experts = experts});
}

TEST(Bitmap, ExpertsGiveEqualNumbersInFewerBytes) {
  const ForceDevicePath forced;
  const std::vector<int> none, merged = {0, 1, 0, 3, 1, 5};
  for (const std::vector<int>& storage : {none, merged}) {
    const Model dense = sparse_model(LoadOptions::Experts::kDense, 0.6, storage), bitmap = sparse_model(LoadOptions::Experts::kBitmap, 0.6, storage);
    const Workload expected = run_workload(dense, 5), found = run_workload(bitmap, 5);
    for (std::size_t i = 0; i < expected.normed.size(); ++i) EXPECT_TRUE(found.normed[i].equal(expected.normed[i])) << i;
    const ExpertStack& stack = *dense.layers[0].moe->stack;
    const ExpertStack& packed = *bitmap.layers[0].moe->stack;
    const auto dense_bytes = static_cast<double>(stack.gate_up.nbytes() + stack.down.nbytes());
    const double starts = 8.0 * static_cast<double>(packed.packed_down->row_begin.numel() + packed.packed_gate_up->row_begin.numel());
    EXPECT_NEAR((static_cast<double>(packed.packed_down->nbytes() + packed.packed_gate_up->nbytes()) - starts) / dense_bytes, 0.6 + 1.0 / 32, 2e-3);
    EXPECT_TRUE(expand(*packed.packed_gate_up).equal(stack.gate_up));
    EXPECT_TRUE(expand(*packed.packed_down).equal(stack.down));
    EXPECT_EQ(weight_bytes(dense) - weight_bytes(bitmap), static_cast<std::int64_t>(dense.layers.size()) * static_cast<std::int64_t>(dense_bytes) -
                                                              2 * (packed.packed_down->nbytes() + packed.packed_gate_up->nbytes()));
  }
}

TEST(Bitmap, MatricesOfZerosOnlyAndOfNoZeros) {
  BitmapPacker packer(3, 2, 8);
  const at::Tensor full = at::arange(1, 17, at::kFloat).view({2, 8}), one = at::zeros({2, 8});
  one[1][6] = 5;
  packer.add(2, 0, one);
  packer.add(0, 0, at::zeros({2, 8}));
  EXPECT_FALSE(packer.is_complete());
  packer.add(1, 1, full.narrow(0, 1, 1));
  packer.add(1, 0, full.narrow(0, 0, 1));
  ASSERT_TRUE(packer.is_complete());
  const auto packed = packer.finish();
  EXPECT_TRUE(expand(*packed).equal(at::stack({at::zeros({2, 8}), full, one})));
  EXPECT_EQ(packed->begin, (std::vector<std::int64_t>{0, 0, 16, 17}));
  EXPECT_TRUE(packed->row_begin.equal(at::tensor({0, 0, 0, 8, 16, 16}, at::kLong)));
  EXPECT_EQ(packed->bits[2][1].item<int>(), 0b10);
}

TEST(Bitmap, IsRefusedOnTheCpu) {
  EXPECT_ERROR_HAS(sparse_model(LoadOptions::Experts::kBitmap, 0.6), kUnsupported, "experts as bitmaps: the CPU runs them dense");
}

// Two parts over different keys are the whole.
TEST(RaggedAttention, JoinedPartsAreTheWhole) {
  const at::Tensor query = at::randn({7, 6, 16}), keys = at::randn({11, 2, 16}), values = at::randn({11, 2, 16});
  const auto over = [&](std::int64_t begin, std::int64_t count) {
    return attend_runs(query, keys, values, {.query_rows = {7}, .key_begin = {begin}, .key_rows = {count}, .longest_query = 7, .longest_keys = count},
                       Sees::kAll);
  };
  const AttentionPart whole = over(0, 11), joined = join(over(0, 4), over(4, 7));
  EXPECT_LE(largest_difference(whole.mixed, joined.mixed), 1e-5);
  EXPECT_LE(largest_difference(whole.log_sum, joined.log_sum), 1e-5);
}

// Causal queries are the last of their keys: by hand for one head and values that say their position.
TEST(RaggedAttention, CausalQueriesAreTheLastOfTheirKeys) {
  const at::Tensor query = at::zeros({2, 1, 8}), keys = at::zeros({4, 1, 8});
  const at::Tensor values = at::arange(4, at::kFloat).view({4, 1, 1}).expand({4, 1, 8}).contiguous();
  const AttentionPart part =
      attend_runs(query, keys, values, {.query_rows = {2}, .key_begin = {0}, .key_rows = {4}, .longest_query = 2, .longest_keys = 4}, Sees::kCausal);
  EXPECT_NEAR(part.mixed[0][0][0].item<float>(), 1.0, 1e-6);  // the mean of 0, 1, 2
  EXPECT_NEAR(part.mixed[1][0][0].item<float>(), 1.5, 1e-6);
  EXPECT_NEAR(part.log_sum[0][0].item<float>(), std::log(3.0), 1e-6);
}

}  // namespace
}  // namespace winnow
