#include <ATen/ATen.h>

#include <array>
#include <optional>

#include "harness/engine/bitmap.h"
#include "harness/engine/device_experts.h"
#include "harness/engine/device_kernels.h"
#include "harness/engine/expert_stream.h"
#include "harness/engine/greedy_step.h"
#include "harness/engine/ragged_attention.h"
#include "harness/engine/routing.h"
#include "tests/engine/device_checks.h"

namespace winnow {
namespace {

class Device : public test::OnDevice {
 protected:
  Workload workload_on_cpu(const RandomShape& shape, at::ScalarType dtype, int steps) {
    return on_cpu([&] { return run_workload(random_model(shape, 3, dtype), steps); });
  }
  static at::Tensor random(at::IntArrayRef shape, at::ScalarType dtype = at::kBFloat16) { return at::randn(shape).to(dtype).to(test::current_device()); }
};

// libtorch's allocator knows no device until it is told to begin; nothing else has run in a process that measures.
TEST_F(Device, TellsItsMemoryBeforeAnythingLiesThere) {
  const at::Device device = test::current_device();
  if (device.is_cpu()) GTEST_SKIP() << "the CPU has no allocator that tells";
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process of its own
  const auto tells = [&] {
    restart_device_peaks(device);
    const DeviceMemory memory = device_memory(device);
    return memory.free_bytes > 0 && memory.allocated_peak_bytes == 0;
  };
  EXPECT_EXIT(std::exit(tells() ? 0 : 1), testing::ExitedWithCode(0), "");
}

TEST_F(Device, DrawsTheRandomWeightsOfTheCpu) {
  const ModelConfig config{.family = "mixtral", .dtype = "bf16"};
  const TensorSpec spec{.role = Role::kQuery, .layer = 0, .name = "a", .shape = {4100, 4099}};  // more than is drawn at once
  const at::Tensor there = random_weights(config, 7)->read_near(spec, test::current_device());
  EXPECT_EQ(there.device(), test::current_device());
  EXPECT_TRUE(there.cpu().equal(random_weights(config, 7)->read(spec)));
}

TEST_F(Device, GivesWhatTheCpuGivesInF32) {
  for (const RandomShape& shape : device_shapes())
    expect_near(run_workload(random_model(shape, 3), 12), workload_on_cpu(shape, at::kFloat, 12), 1e-4, shape.family);
}

TEST_F(Device, IsNearTheCpuInBf16) {
  const RandomShape shape = device_shapes()[3];  // no router, whose nearly equal experts rounding would swap
  expect_near(run_workload(random_model(shape, 3, at::kBFloat16), 12), workload_on_cpu(shape, at::kBFloat16, 12), 0.15, shape.family);
}

// The kernel of our own, where it was built, against the operators.
TEST_F(Device, BitmapsExpandToWhatTheyWere) {
  for (const std::int64_t columns : {8, 264, 4096}) {
    BitmapPacker packer(3, 37, columns);
    std::vector<at::Tensor> matrices;
    for (int i = 0; i < 3; ++i) {
      matrices.push_back(random({37, columns}).masked_fill(at::rand({37, columns}).to(test::current_device()) < 0.4, 0));
      packer.add(i, 0, matrices.back());
    }
    const auto packed = packer.finish();
    EXPECT_TRUE(expand(*packed).equal(at::stack(matrices))) << columns;
    EXPECT_TRUE(expand_by_operators(*packed).equal(at::stack(matrices))) << columns;
  }
  RecordProperty("kernel", device_kernels().expand_bitmap != nullptr ? "libwinnow_kernels.so" : "none: by operators");
}

// libtorch's fused kernel against the operators: runs of one and of many queries, keys end to end and in a store with gaps.
TEST_F(Device, FusedAttentionIsTheOperators) {
  for (const std::int64_t rows : {1, 37}) {
    for (const Sees sees : {Sees::kAll, Sees::kCausal}) {
      Runs runs{.query_rows = {rows, rows}, .key_begin = {0, 50}, .key_rows = {50, 41}, .longest_query = rows, .longest_keys = 50};
      runs.cumulative_queries = upload({0, rows, 2 * rows}, at::kInt, test::current_device());
      runs.cumulative_keys = upload({0, 50, 91}, at::kInt, test::current_device());
      const at::Tensor query = random({2 * rows, 8, 64}), keys = random({200, 2, 64}), values = random({200, 2, 64});
      for (const bool has_gaps : {false, true}) {
        if (has_gaps) {
          runs.key_begin = {100, 3};
          runs.cumulative_keys = upload({100, 3, 200}, at::kInt, test::current_device());
          runs.keys_used = upload({50, 41}, at::kInt, test::current_device());
        }
        const at::Tensor all_keys = has_gaps ? keys : keys.narrow(0, 0, 91), all_values = has_gaps ? values : values.narrow(0, 0, 91);
        const AttentionPart fused = attend_runs(query, all_keys, all_values, runs, sees),
                            plain = attend_runs_by_operators(query, all_keys, all_values, runs, sees);
        EXPECT_LE(largest_difference(fused.mixed, plain.mixed), 2e-2) << rows << " rows, gaps " << has_gaps;
        EXPECT_LE(largest_difference(fused.log_sum, plain.log_sum), 2e-2) << rows << " rows, gaps " << has_gaps;
      }
    }
  }
}

TEST_F(Device, StreamedExpertsGiveTheNumbersOfDenseOnes) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    expect_equal(run_workload(uneven_model(LoadOptions::Experts::kStreamed, dtype), 12), run_workload(uneven_model(LoadOptions::Experts::kDense, dtype), 12));
  }
}

// Products that are still at work when the next copies begin: a copy that did not wait for them, or they for it, would show in the sums.
TEST_F(Device, StreamedLayersAreWholeWhileTheyAreRead) {
  const at::Device device = test::current_device();
  const std::int64_t size = device.is_cpu() ? 32 : 1024;
  std::vector<ExpertStream::Matrices> layers;
  for (int i = 0; i < 4; ++i) {
    layers.push_back({at::full({2, size, size}, i + 1.0, at::kFloat), at::full({1, size, size}, 2.0 * (i + 1), at::kFloat)});
    if (device.is_cpu()) continue;
    for (at::Tensor* matrices : {&layers.back().gate_up, &layers.back().down}) *matrices = matrices->pin_memory();
  }
  const at::Tensor ones = at::ones({size, size}, device);
  ExpertStream stream(device, layers);
  std::vector<at::Tensor> sums;
  std::vector<double> expected;
  for (int i = 0; i < 60; ++i) {
    const std::size_t layer = i < 40 ? i % 4 : (i * i + i / 3) % 4;
    const ExpertStream::Matrices taken = stream.take(layer);
    at::Tensor sum = at::zeros({size, size}, ones.options());
    for (int times = 0; times < 4; ++times) sum += ones.mm(taken.gate_up[0]) + ones.mm(taken.gate_up[1]) + ones.mm(taken.down[0]);
    sums.push_back(sum);
    expected.push_back(4.0 * 4.0 * size * static_cast<double>(layer + 1));
  }
  for (std::size_t i = 0; i < sums.size(); ++i) EXPECT_TRUE((sums[i] == expected[i]).all().item<bool>()) << i;
}

// One grouped product against expert after expert; some experts get no row, and pairs that are skipped belong to none.
TEST_F(Device, StackedExpertsAreTheExpertsOneByOne) {
  RandomShape shape{.hidden = 256, .heads = 8, .kv_heads = 2, .layers = 1, .experts = 32, .top_k = 4, .width = 128};
  Model model = random_model(shape, 5, at::kBFloat16);
  MoeWeights moe = *model.layers[0].moe;
  for (const bool skips : {false, true}) {
    if (skips) moe.skip_beta = 0.7;
    for (const std::int64_t rows : {1, 5, 300}) {
      const at::Tensor input = random({rows, shape.hidden});
      const Routing routing = route(model.config.router, moe, input);
      ASSERT_TRUE(can_run_stacked(moe, input, {}));
      const at::Tensor stacked = run_experts_stacked(moe, 0, input, routing, {}, {}, {});
      at::Tensor expected = at::zeros({rows, shape.hidden}, input.options().dtype(at::kFloat));
      for (std::int64_t expert = 0; expert < shape.experts; ++expert) {
        const GatedMlp& mlp = *moe.experts[static_cast<std::size_t>(expert)];
        const at::Tensor weight = (routing.weights * (routing.experts == expert)).sum(1, /*keepdim=*/true);
        const at::Tensor activation = at::silu(at::linear(input, mlp.gate.weight)) * at::linear(input, mlp.up.weight);
        expected += at::linear(activation, mlp.down.weight).to(at::kFloat) * weight;
      }
      EXPECT_LE(largest_difference(stacked, expected), 5e-2) << rows << " rows, skips " << skips;
      EXPECT_TRUE(stacked.isfinite().all().item<bool>());
    }
  }
}

// Three sequences side by side, from the fifth step on without the first; more steps than the blocks' first common store has room for.
class Steps {
 public:
  static constexpr int kCount = 70;

  explicit Steps(const Model& model) {
    PackedBatch prompts;
    for (std::size_t i = 0; i < 3; ++i) append_segment(prompts, some_tokens(5 + 4 * static_cast<std::int64_t>(i), model.config.vocabulary, i), {}, &blocks_[i]);
    forward(model, prompts, {0});
  }

  // A step without its tokens.
  PackedBatch next() {
    PackedBatch batch;
    for (std::size_t i = leaves_next() ? 1 : first_; i < 3; ++i) {
      batch.segments.push_back({.first_row = std::ssize(batch.segments), .rows = 1, .context = {{&blocks_[i], blocks_[i].length}}, .kept = &blocks_[i]});
    }
    first_ = 3 - batch.segments.size();
    ++taken_;
    return batch;
  }
  bool leaves_next() const { return taken_ == 4; }
  std::vector<std::int64_t> rows() const { return first_ == 0 ? std::vector<std::int64_t>{0, 1, 2} : std::vector<std::int64_t>{0, 1}; }

 private:
  std::array<KvBlock, 3> blocks_;
  std::size_t first_ = 0;
  int taken_ = 0;
};

TEST_F(Device, StepsThatNobodyWaitsForGiveTheSameTokens) {
  const Model model = random_model(device_shapes()[0], 3);
  std::vector<std::vector<std::int32_t>> expected, found;
  Steps waiting(model), ahead(model);
  for (std::vector<std::int32_t> tokens = {3, 5, 7}; std::ssize(expected) < Steps::kCount; expected.push_back(tokens)) {
    if (waiting.leaves_next()) tokens.erase(tokens.begin());
    PackedBatch batch = waiting.next();
    batch.tokens = tokens;
    tokens = greedy_tokens(model, forward(model, batch, waiting.rows()));
  }
  PackedBatch first = ahead.next();
  first.tokens = {3, 5, 7};
  std::optional<GreedyStep> last(std::in_place, model, first);
  while (std::ssize(found) < Steps::kCount) {
    const std::vector<std::int64_t> rows = ahead.rows();
    const at::Tensor tokens = ahead.leaves_next() ? last->device_tokens().narrow(0, 1, 2) : last->device_tokens();
    PackedBatch batch = ahead.next();
    batch.device_tokens = tokens;
    GreedyStep next(model, batch);
    found.push_back(last->read(rows));
    last.emplace(std::move(next));
  }
  EXPECT_EQ(found, expected);
}

std::string failure_of_reading(GreedyStep& step, std::vector<std::int64_t> rows) {
  try {
    step.read(rows);
  } catch (const std::runtime_error& failure) {
    return failure.what();
  }
  return "(nothing was thrown)";
}

TEST_F(Device, AStepSaysWhatIsNotFiniteWhenThatRowIsRead) {
  Model model = random_model(device_shapes()[0], 3);
  const auto step_of = [&](const std::vector<std::int32_t>& tokens) {
    PackedBatch batch;
    batch.device_tokens = at::tensor(tokens, at::kInt).to(at::kLong).to(test::current_device());
    for (std::int64_t row = 0; row < std::ssize(tokens); ++row) batch.segments.push_back({.first_row = row, .rows = 1});
    return GreedyStep(model, batch);
  };
  const std::vector<std::int32_t> finite = step_of({8, 9}).read({0, 1});
  model.embedding[9].fill_(NAN);
  GreedyStep step = step_of({8, 9});
  EXPECT_EQ(step.read({0}), std::vector<std::int32_t>{finite[0]});
  EXPECT_EQ(failure_of_reading(step, {0, 1}),
            "the logits at position 0 (row 1 of the batch, token 9) are not finite: the first non-finite value appears in the embedding");
  model.output_head.weight[3].fill_(NAN);
  GreedyStep second = step_of({8, 8});
  EXPECT_EQ(second.read({}), std::vector<std::int32_t>{});
  EXPECT_EQ(failure_of_reading(second, {1}), "the logits of row 1 are not finite");
}

}  // namespace
}  // namespace winnow
