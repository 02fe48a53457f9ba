#pragma once
#include <fmt/format.h>
#include <deque>
#include <numeric>

#include "harness/engine/forward.h"
#include "tests/engine/golden_models.h"
#include "tests/engine/random_models.h"

// One workload of everything that a batch can be, for comparing two ways through the engine.
namespace winnow {

struct Workload {
  std::vector<at::Tensor> normed;               // on the CPU, by batch
  std::vector<std::vector<std::int32_t>> next;  // greedy tokens of the steps
  std::vector<TokenScore> scores;
};

inline std::vector<std::int32_t> some_tokens(std::int64_t count, std::int64_t vocabulary, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::vector<std::int32_t> tokens(count);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(generator() % vocabulary);
  return tokens;
}

inline void append_segment(PackedBatch& batch, const std::vector<std::int32_t>& tokens, std::vector<ContextPart> context, KvBlock* kept) {
  batch.segments.push_back({std::ssize(batch.tokens), std::ssize(tokens), std::move(context), kept});
  batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
}

inline std::vector<std::int64_t> rows_of(const PackedBatch& batch) {
  std::vector<std::int64_t> rows(batch.tokens.size());
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

// A prefix and a second one behind it, filled in the batch that uses them; questions behind either; a prompt without a prefix; then steps in which
// sequences join and leave. `steps` beyond 64 make the common store of the blocks full.
inline Workload run_workload(const Model& model, int steps) {
  const std::int64_t vocabulary = model.config.vocabulary;
  Workload result;
  KvBlock prefix, second;
  std::deque<KvBlock> own(4);
  PackedBatch batch;
  append_segment(batch, some_tokens(21, vocabulary, 1), {}, &prefix);
  append_segment(batch, some_tokens(1, vocabulary, 2), {{&prefix, 21}}, &second);
  append_segment(batch, some_tokens(9, vocabulary, 3), {{&prefix, 21}}, nullptr);
  append_segment(batch, some_tokens(5, vocabulary, 4), {{&prefix, 21}, {&second, 1}}, nullptr);
  append_segment(batch, some_tokens(13, vocabulary, 5), {}, &own[0]);
  append_segment(batch, some_tokens(2, vocabulary, 6), {{&prefix, 7}}, nullptr);
  const at::Tensor normed = forward(model, batch, rows_of(batch));
  result.normed.push_back(normed.cpu());
  result.scores = score_rows(model, normed, batch.tokens);

  PackedBatch longer;  // a block that goes on by several rows, beside a question
  append_segment(longer, some_tokens(6, vocabulary, 7), {{&own[0], 13}}, &own[0]);
  append_segment(longer, some_tokens(4, vocabulary, 8), {{&prefix, 21}}, nullptr);
  result.normed.push_back(forward(model, longer, rows_of(longer)).cpu());

  std::vector<std::int32_t> last = {3, 5, 7, 11};
  for (int step = 0; step < steps; ++step) {
    PackedBatch one;
    std::vector<std::size_t> active;
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (static_cast<int>(i) > step || (i == 1 && step > 6)) continue;  // later ones join, the second leaves
      std::vector<ContextPart> context = i == 0 ? std::vector<ContextPart>{} : std::vector<ContextPart>{{&prefix, 21}};
      if (i == 3) context.push_back({&second, 1});
      if (own[i].length > 0) context.push_back({&own[i], own[i].length});
      append_segment(one, {last[i]}, context, &own[i]);
      active.push_back(i);
    }
    const at::Tensor after = forward(model, one, rows_of(one));
    result.normed.push_back(after.cpu());
    result.next.push_back(greedy_tokens(model, after));
    // Not its own greedy token: both ways are asked the same, however a tie falls.
    for (const std::size_t i : active) last[i] = static_cast<std::int32_t>((last[i] * 31 + step + static_cast<int>(i)) % vocabulary);
  }
  return result;
}

inline void expect_near(const Workload& found, const Workload& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(found.normed.size(), expected.normed.size());
  double apart = 0;
  for (std::size_t i = 0; i < expected.normed.size(); ++i) apart = std::max(apart, largest_difference(found.normed[i], expected.normed[i]));
  EXPECT_LE(apart, tolerance) << what;
  double scores_apart = 0;
  for (std::size_t i = 0; i < expected.scores.size(); ++i)
    scores_apart = std::max(scores_apart, std::abs(found.scores[i].log_probability - expected.scores[i].log_probability));
  EXPECT_LE(scores_apart, 2 * tolerance) << what;
  testing::Test::RecordProperty("largest_difference", fmt::format("{:.2e} of {:.2e}", apart, tolerance));
}

// Bit by bit.
inline void expect_equal(const Workload& found, const Workload& expected) {
  ASSERT_EQ(found.normed.size(), expected.normed.size());
  for (std::size_t i = 0; i < expected.normed.size(); ++i) EXPECT_TRUE(found.normed[i].equal(expected.normed[i])) << i;
  EXPECT_EQ(found.next, expected.next);
  ASSERT_EQ(found.scores.size(), expected.scores.size());
  for (std::size_t i = 0; i < expected.scores.size(); ++i) EXPECT_EQ(found.scores[i].log_probability, expected.scores[i].log_probability) << i;
}

// Four layers of which the second is dense; the first has experts that share a matrix.
inline ModelConfig uneven_config() {
  Json json = config_of({.hidden = 32, .heads = 4, .kv_heads = 2, .layers = 4, .experts = 16, .top_k = 4, .width = 16, .family = "qwen2_moe"});
  json["mlp_only_layers"] = {1};
  ModelConfig config = family_of(json).make(Params{})->read(json);
  config.layers[0].expert_storage.resize(16);
  std::iota(config.layers[0].expert_storage.begin(), config.layers[0].expert_storage.end(), 0);
  config.layers[0].expert_storage[5] = 2;
  config.layers[0].expert_storage[9] = 0;
  return config;
}

// … and all its MoE layers have different numbers of matrices: 14, 5 and 7.
inline Model uneven_model(LoadOptions::Experts experts, at::ScalarType dtype = at::kFloat) {
  const ModelConfig config = uneven_config();
  WideWeights weights(3);
  return load_model(
      config, Registry<Family>::instance().make(config.family)->tensors(config), weights,
      {.dtype = dtype, .device = test::current_device(), .experts = experts, .kept_experts = {{}, {}, {1, 3, 4, 8, 15}, {0, 2, 5, 6, 7, 11, 14}}});
}

inline std::vector<RandomShape> device_shapes() {
  return {
      {.hidden = 64, .heads = 8, .kv_heads = 2, .experts = 6, .top_k = 2, .width = 40},
      {.hidden = 96, .heads = 6, .kv_heads = 6, .experts = 16, .top_k = 4, .width = 24, .family = "qwen2_moe"},
      {.hidden = 48, .heads = 6, .kv_heads = 2, .experts = 5, .top_k = 3, .width = 23},  // no grouped product takes this width
      {.hidden = 64, .heads = 4, .kv_heads = 1, .width = 48, .family = "llama"},
      {.hidden = 64, .heads = 8, .kv_heads = 4, .experts = 4, .top_k = 2, .width = 32, .window = 9},
  };
}

}  // namespace winnow
