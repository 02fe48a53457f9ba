#include "harness/engine/expert_stream.h"

#include <gtest/gtest.h>

#include <set>

#include "harness/app/measured_model.h"
#include "harness/engine/timed_batch.h"
#include "tests/engine/device_checks.h"
#include "tests/support/errors.h"

// Experts that are streamed, on the path of other devices run on the CPU.
namespace winnow {
namespace {

using Experts = LoadOptions::Experts;

std::vector<ExpertStream::Matrices> random_layers(const std::vector<std::int64_t>& stored) {
  std::vector<ExpertStream::Matrices> layers;
  for (const std::int64_t experts : stored) layers.push_back({at::randn({experts, 8, 4}), at::randn({experts, 4, 4})});
  return layers;
}

std::int64_t bytes_of(const ExpertStream::Matrices& layer) { return static_cast<std::int64_t>(layer.gate_up.nbytes() + layer.down.nbytes()); }

void expect_taken(ExpertStream& stream, const std::vector<ExpertStream::Matrices>& layers, std::size_t layer) {
  const ExpertStream::Matrices taken = stream.take(layer);
  EXPECT_TRUE(taken.gate_up.equal(layers[layer].gate_up)) << layer;
  EXPECT_TRUE(taken.down.equal(layers[layer].down)) << layer;
}

TEST(ExpertStream, GivesEveryLayerInAnyOrder) {
  const std::vector<ExpertStream::Matrices> layers = random_layers({3, 1, 5, 2});
  ExpertStream stream(at::kCPU, layers);
  std::mt19937 generator(1);
  for (int i = 0; i < 300; ++i) expect_taken(stream, layers, i < 12 ? i % 4 : generator() % 4);
}

TEST(ExpertStream, CopiesEachLayerOnceAPassAndOneAhead) {
  const std::vector<ExpertStream::Matrices> layers = random_layers({3, 1, 5});
  const std::int64_t pass = bytes_of(layers[0]) + bytes_of(layers[1]) + bytes_of(layers[2]);
  ExpertStream stream(at::kCPU, layers);
  EXPECT_EQ(stream.bytes_copied(), 0);
  for (int i = 1; i <= 4; ++i) {
    for (std::size_t layer = 0; layer < 3; ++layer) {
      for (int again = 0; again < 2; ++again) expect_taken(stream, layers, layer);
    }
    EXPECT_EQ(stream.bytes_copied(), i * pass + bytes_of(layers[0]));
  }
}

TEST(ExpertStream, CopiesOnceWhatBothSlotsHold) {
  for (const std::vector<std::int64_t>& stored : {std::vector<std::int64_t>{3}, {3, 2}}) {
    const std::vector<ExpertStream::Matrices> layers = random_layers(stored);
    ExpertStream stream(at::kCPU, layers);
    for (std::size_t i = 0; i < 6; ++i) expect_taken(stream, layers, i % layers.size());
    std::int64_t bytes = 0;
    for (const ExpertStream::Matrices& layer : layers) bytes += bytes_of(layer);
    EXPECT_EQ(stream.bytes_copied(), bytes);
  }
}

TEST(ExpertStream, TakesRoomForTheLargestLayerTwice) {
  const std::vector<ExpertStream::Matrices> layers = random_layers({3, 1, 5, 2, 4, 5, 1});
  ExpertStream stream(at::kCPU, layers);
  EXPECT_EQ(stream.slot_bytes(), 2 * bytes_of(layers[2]));
  std::set<const void*> places;
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const ExpertStream::Matrices taken = stream.take(layer);
    for (const at::Tensor& matrices : {taken.gate_up, taken.down}) {
      places.insert(matrices.storage().data());
      EXPECT_EQ(static_cast<std::int64_t>(matrices.storage().nbytes()), bytes_of(layers[2]));
    }
  }
  EXPECT_EQ(places.size(), 2u);
}

TEST(StreamedExperts, GiveTheNumbersOfDenseOnes) {
  const ForceDevicePath forced;
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const double skip_beta : {0.0, 0.6}) {
      Model dense = uneven_model(Experts::kDense, dtype), streamed = uneven_model(Experts::kStreamed, dtype);
      for (Model* model : {&dense, &streamed}) {
        for (LayerWeights& layer : model->layers) {
          if (layer.moe && skip_beta > 0) layer.moe->skip_beta = skip_beta;
        }
      }
      EXPECT_TRUE(streamed.layers[0].moe->stack->place.defined());  // some run with one matrix
      expect_equal(run_workload(streamed, 9), run_workload(dense, 9));
    }
  }
}

TEST(StreamedExperts, AreMultipliedWithWhereTheStreamPutThem) {
  const ForceDevicePath forced;
  const Workload expected = run_workload(uneven_model(Experts::kDense), 5);
  Model streamed = uneven_model(Experts::kStreamed);
  const std::shared_ptr<ExpertStream> stream = streamed.layers[0].moe->stack->stream;
  std::int64_t stored = 0, largest = 0;
  for (LayerWeights& layer : streamed.layers) {
    if (!layer.moe) continue;
    EXPECT_EQ(layer.moe->stack->stream, stream);
    const ExpertStack& stack = *layer.moe->stack;
    EXPECT_EQ(layer.moe->experts.back()->down.weight.const_data_ptr(), stack.down[stack.down.size(0) - 1].const_data_ptr());
    const std::int64_t bytes = bytes_of({stack.gate_up, stack.down});
    stored += bytes;
    largest = std::max(largest, bytes);
    for (auto& expert : layer.moe->experts) expert = std::make_shared<GatedMlp>();  // no matrices
  }
  expect_equal(run_workload(streamed, 5), expected);
  EXPECT_EQ(stream->bytes_copied(), 7 * stored + bytes_of({streamed.layers[0].moe->stack->gate_up, streamed.layers[0].moe->stack->down}));
  EXPECT_EQ(stream->slot_bytes(), 2 * largest);
}

TEST(StreamedExperts, AreRightAfterAPassThatWasBrokenOff) {
  const ForceDevicePath forced;
  const Model dense = uneven_model(Experts::kDense), streamed = uneven_model(Experts::kStreamed);
  Model broken = streamed;
  broken.layers[2].mlp_norm = at::full_like(broken.layers[2].mlp_norm, NAN);
  PackedBatch batch;
  append_segment(batch, some_tokens(7, streamed.config.vocabulary, 1), {}, nullptr);
  for (int i = 0; i < 2; ++i) {
    try {
      forward(broken, batch, {0});
      ADD_FAILURE() << "not finite, and nothing said";
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find("appears in layer 2"), std::string::npos) << error.what();
    }
    const at::Tensor hidden = embed(dense, batch);
    for (const int layer : {3, 3, 0, 2, 2, 0, 3}) {
      PackedBatch same = batch;
      EXPECT_TRUE(run_layer(streamed, layer, same, hidden).equal(run_layer(dense, layer, same, hidden))) << layer;
    }
    expect_equal(run_workload(streamed, 3), run_workload(dense, 3));
  }
}

TEST(StreamedExperts, AreReadAsAWholeInEveryStep) {
  const ForceDevicePath forced;
  const Model dense = uneven_model(Experts::kDense), streamed = uneven_model(Experts::kStreamed);
  EXPECT_EQ(weight_bytes(streamed), weight_bytes(dense));
  std::int64_t stored = 0;
  double touched = 0;
  const TimedBatchOptions counted{.new_tokens = 3, .counting = TimedBatchOptions::Counting::kOn};
  const std::vector<std::vector<std::int32_t>> prompts = {some_tokens(9, dense.config.vocabulary, 1)};
  const TimedBatch by_dense = run_timed_batch(dense, prompts, counted), by_streamed = run_timed_batch(streamed, prompts, counted);
  ASSERT_EQ(by_dense.experts_touched, by_streamed.experts_touched);
  for (std::size_t layer = 0; layer < dense.layers.size(); ++layer) {
    if (!dense.layers[layer].moe) continue;
    const ExpertStack& stack = *dense.layers[layer].moe->stack;
    stored += bytes_of({stack.gate_up, stack.down});
    if (!stack.place.defined()) touched += by_dense.experts_touched[layer];
  }
  EXPECT_GT(by_streamed.weight_bytes, by_dense.weight_bytes);
  const double expert_bytes = 3.0 * 4 * 32 * 16, apart = by_streamed.weight_bytes - by_dense.weight_bytes;
  // Of layer 0, whose experts share matrices, one step touches some that are known to lie between one and its top-k.
  EXPECT_LE(apart, static_cast<double>(stored) - (touched + 1) * expert_bytes + 1e-6);
  EXPECT_GE(apart, static_cast<double>(stored) - (touched + by_dense.experts_touched[0]) * expert_bytes - 1e-6);
}

TEST(StreamedExperts, OfMeasuredModelsTakeTwoSlotsOfTheDevice) {
  const ForceDevicePath forced;
  const auto size_of = [](Experts experts) {
    const ModelConfig config = uneven_config();
    const auto tensors = Registry<Family>::instance().make(config.family)->tensors(config);
    WideWeights weights(3);
    MeasuredParts parts{
        .config = config, .tensors = tensors, .weights = weights, .tokenizer = nullptr, .load = {.dtype = at::kFloat, .experts = experts}, .make_plan = {}};
    return make_measured_model(std::move(parts))->size(kDense);
  };
  const ModelSize dense = size_of(Experts::kDense), streamed = size_of(Experts::kStreamed);
  EXPECT_EQ(streamed.stored_bytes, dense.stored_bytes);
  EXPECT_EQ(dense.streamed_bytes, 0);
  EXPECT_EQ(dense.slot_bytes, 0);
  const double expert_bytes = 3.0 * 4 * 32 * 16;
  EXPECT_EQ(streamed.streamed_bytes, (14 + 2 * 16) * expert_bytes);  // two of layer 0 lie with others
  EXPECT_EQ(streamed.slot_bytes, 2 * 16 * expert_bytes);
}

// Looking at all weights of a large model takes longer than measuring it.
TEST(MeasuredModels, LookOnceAtWeightsThatAVariantLeavesAsTheyAre) {
  const ModelConfig config = uneven_config();
  const auto tensors = Registry<Family>::instance().make(config.family)->tensors(config);
  WideWeights weights(3);
  MeasuredParts parts{.config = config, .tensors = tensors, .weights = weights, .tokenizer = nullptr, .load = {.dtype = at::kFloat}, .make_plan = {}};
  parts.variants = 3;
  parts.make_plan = [](VariantNumber variant) {
    LayerPlan layer{.layer = 2};
    if (variant == 1) layer.beta = 0.5;
    if (variant == 2) layer.kept = {0, 1, 2, 3, 4};
    return variant == 0 ? PrunePlan{} : PrunePlan{.steps = {{{"pruner", "some"}}}, .layers = {layer}};
  };
  const std::unique_ptr<EngineMeasuredModel> model = make_measured_model(std::move(parts));
  const auto reads_of = [&](VariantNumber variant) {
    const std::size_t before = weights.names_read().size();
    if (variant != kDense) model->plan(variant);
    EXPECT_FALSE(model->weights(variant, [](std::size_t, std::size_t) {}).empty());
    return weights.names_read().size() - before;
  };
  const std::size_t dense = reads_of(kDense);
  EXPECT_EQ(reads_of(0), 0u);
  EXPECT_EQ(reads_of(1), 0u);
  EXPECT_EQ(reads_of(2), dense - 3 * 11);
}

TEST(StreamedExperts, AreRefusedOnTheCpuAndInSizesOfNoGroupedProduct) {
  EXPECT_ERROR(uneven_model(Experts::kStreamed), kUnsupported, "experts streamed: the CPU runs them dense; load them dense, or use device cuda");
  const ForceDevicePath forced;
  const Json json = config_of({.hidden = 48, .width = 20});
  const auto family = family_of(json).make(Params{});
  const ModelConfig config = family->read(json);
  const auto load = [&](at::ScalarType dtype) {
    WideWeights weights(3);
    return load_model(config, family->tensors(config), weights, {.dtype = dtype, .experts = Experts::kStreamed});
  };
  EXPECT_EQ(load(at::kFloat).layers[0].moe->stack->stream->slot_bytes(), 2 * 5 * 3 * 48 * 20 * 4);
  EXPECT_ERROR(load(at::kBFloat16), kUnsupported,
               "experts streamed: layer 0's matrices are 20 x 48, and rows of both sizes must be multiples of 16 bytes; load the experts dense");
}

TEST(StreamedExperts, OfOneLayerAloneAndOfNoLayer) {
  const ForceDevicePath forced;
  const ModelConfig config = uneven_config();
  const auto tensors = Registry<Family>::instance().make(config.family)->tensors(config);
  WideWeights weights(3);
  const LayerWeights layer = load_layer(config, tensors, 2, weights, {.dtype = at::kFloat, .experts = Experts::kStreamed});
  const ExpertStack& stack = *layer.moe->stack;
  EXPECT_TRUE(stack.stream->take(stack.in_stream).gate_up.equal(stack.gate_up));
  const Json llama = config_of(device_shapes()[3]);
  const auto family = family_of(llama).make(Params{});
  const ModelConfig dense = family->read(llama);
  EXPECT_EQ(run_workload(load_model(dense, family->tensors(dense), weights, {.dtype = at::kFloat, .experts = Experts::kStreamed}), 1).normed.size(), 3u);
}

}  // namespace
}  // namespace winnow
