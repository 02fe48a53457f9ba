#include "harness/engine/timed_batch.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/engine/random_models.h"

namespace winnow {
namespace {

std::vector<std::vector<std::int32_t>> prompts(std::size_t count, std::size_t length) {
  std::vector<std::vector<std::int32_t>> made(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t t = 0; t < length; ++t) made[i].push_back(static_cast<std::int32_t>((7 * i + 3 * t + i * t) % 97));
  }
  return made;
}

constexpr TimedBatchOptions kCounted{.new_tokens = 3, .counting = TimedBatchOptions::Counting::kOn};

TEST(TimedBatch, CountsTokensAndTakesTime) {
  const Model model = random_model({}, 1);
  const TimedBatch batch = run_timed_batch(model, prompts(4, 10), {.new_tokens = 3, .token_budget = 25});
  EXPECT_EQ(batch.prefill_tokens, 40);
  EXPECT_EQ(batch.decode_tokens, 12);
  EXPECT_EQ(batch.steps, 3);
  EXPECT_GT(batch.prefill_seconds, 0);
  EXPECT_GT(batch.decode_seconds, 0);
  EXPECT_EQ(batch.kv_bytes_per_token, 2 * 2 * 2 * 8 * 4);  // keys and values, 2 layers, 2 heads of 8, f32
  EXPECT_TRUE(batch.experts_touched.empty());
}

TEST(TimedBatch, OneSequenceTouchesItsTopExpertsOnly) {
  const RandomShape shape;
  const TimedBatch batch = run_timed_batch(random_model(shape, 1), prompts(1, 10), kCounted);
  EXPECT_EQ(batch.experts_touched, (std::vector<double>{2, 2}));
  EXPECT_EQ(batch.expert_rows, 4);
}

TEST(TimedBatch, BytesAreThoseOfWhatAStepReads) {
  const RandomShape shape;
  const Model model = random_model(shape, 1);
  const double expert = 3.0 * shape.hidden * shape.width * 4;
  const double per_layer = 4.0 * (2 * 48 * 48 + 2 * 16 * 48 + 2 * 48 + 5 * 48);  // query and output, key and value, norms, router
  const double always = 2 * per_layer + 4.0 * (48 + 97 * 48);
  for (const std::size_t size : {1, 8}) {
    const TimedBatch batch = run_timed_batch(model, prompts(size, 10), kCounted);
    const double touched = batch.experts_touched[0] + batch.experts_touched[1];
    EXPECT_NEAR(batch.weight_bytes, always + touched * expert + 4.0 * 48 * static_cast<double>(size), 1e-6) << size;
    EXPECT_EQ(batch.expert_rows, 4.0 * static_cast<double>(size));
  }
  EXPECT_EQ(weight_bytes(model), static_cast<std::int64_t>(always + 2 * 5 * expert + 4 * 97 * 48));
}

TEST(TimedBatch, FewerExpertsReadFewerBytesAtBatchEightAndNotAtOne) {
  RandomShape few;
  few.experts = 3;
  const Model dense = random_model({}, 1), pruned = random_model(few, 1);
  const auto expert_bytes = [](const Model& model, std::size_t size) {
    const TimedBatch batch = run_timed_batch(model, prompts(size, 10), {.new_tokens = 8, .counting = TimedBatchOptions::Counting::kOn});
    return batch.weight_bytes - 2 * 4.0 * 48 * static_cast<double>(model.config.layers[0].experts);  // without the routers, which are smaller
  };
  EXPECT_EQ(expert_bytes(dense, 1), expert_bytes(pruned, 1));
  EXPECT_GT(expert_bytes(dense, 8), 1.1 * expert_bytes(pruned, 8));
}

TEST(TimedBatch, GivesTheSameCountsTwiceHoweverPromptsArePacked) {
  const Model model = random_model({}, 2);
  TimedBatchOptions narrow = kCounted;
  narrow.token_budget = 1;
  const TimedBatch once = run_timed_batch(model, prompts(6, 12), kCounted), again = run_timed_batch(model, prompts(6, 12), narrow);
  EXPECT_EQ(once.experts_touched, again.experts_touched);
  EXPECT_EQ(once.weight_bytes, again.weight_bytes);
}

}  // namespace
}  // namespace winnow
