#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <deque>
#include <numeric>

#include "tests/engine/golden_models.h"
#include "tests/engine/random_models.h"

// The same results whatever the packing, to 1e-5 in f32.
namespace winnow {
namespace {

using Tokens = std::vector<std::int32_t>;
constexpr double kTolerance = 1e-5;

std::vector<std::int64_t> all_rows(std::int64_t count) {
  std::vector<std::int64_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

at::Tensor run_all(const Model& model, const PackedBatch& batch) { return forward(model, batch, all_rows(static_cast<std::int64_t>(batch.tokens.size()))); }

// Every sequence in a batch of its own.
std::vector<at::Tensor> one_by_one(const Model& model, const std::vector<Tokens>& sequences) {
  std::vector<at::Tensor> results;
  for (const Tokens& tokens : sequences) results.push_back(run_all(model, {tokens, {{.first_row = 0, .rows = static_cast<std::int64_t>(tokens.size())}}}));
  return results;
}

void append(PackedBatch& batch, const Tokens& tokens, std::vector<ContextPart> context, KvBlock* kept) {
  batch.segments.push_back({static_cast<std::int64_t>(batch.tokens.size()), static_cast<std::int64_t>(tokens.size()), std::move(context), kept});
  batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
}

Tokens slice(const Tokens& tokens, std::size_t first, std::size_t count) { return {tokens.begin() + first, tokens.begin() + first + count}; }

struct Case {
  RandomShape shape;
  Model model;
  std::vector<Tokens> sequences;
  std::vector<at::Tensor> expected;
};

Case random_case(std::mt19937& generator) {
  const auto draw = [&](int low, int high) { return low + static_cast<int>(generator() % (high - low + 1)); };
  Case result;
  RandomShape& shape = result.shape;
  shape.family = std::array{"mixtral", "qwen2_moe", "llama"}[draw(0, 2)];
  shape.kv_heads = draw(1, 3);
  shape.heads = shape.kv_heads * draw(1, 4);
  shape.hidden = shape.heads * 2 * draw(1, 9);
  shape.layers = draw(1, 3);
  shape.experts = draw(1, 9);
  shape.top_k = draw(1, std::min(4, shape.experts));
  shape.width = draw(1, 90);
  if (draw(0, 1) == 1) shape.window = draw(1, 40);
  result.model = random_model(shape, generator());
  for (int count = draw(1, 5); count > 0; --count) {
    Tokens& tokens = result.sequences.emplace_back(draw(1, 150));
    for (std::int32_t& token : tokens) token = draw(0, shape.vocabulary - 1);
  }
  result.expected = one_by_one(result.model, result.sequences);
  return result;
}

std::string name_of(const Case& c) {
  return fmt::format("{} hidden {} heads {}/{} experts {} top-{} window {}", c.shape.family, c.shape.hidden, c.shape.heads, c.shape.kv_heads, c.shape.experts,
                     c.shape.top_k, c.shape.window.value_or(0));
}

TEST(Packing, OneBatchOfAllSequencesIsTheSameAsOneByOne) {
  std::mt19937 generator(11);
  for (int round = 0; round < 25; ++round) {
    const Case c = random_case(generator);
    PackedBatch batch;
    for (const Tokens& tokens : c.sequences) append(batch, tokens, {}, nullptr);
    const at::Tensor packed = run_all(c.model, batch);
    for (std::size_t i = 0; i < c.sequences.size(); ++i) {
      const Segment& segment = batch.segments[i];
      EXPECT_LE(largest_difference(packed.narrow(0, segment.first_row, segment.rows), c.expected[i]), kTolerance) << name_of(c);
    }
  }
}

// Sequences are cut into pieces of random length; a batch takes pieces while they fit into a random token budget.
TEST(Packing, AnyTokenBudgetIsTheSame) {
  std::mt19937 generator(12);
  for (int round = 0; round < 25; ++round) {
    const Case c = random_case(generator);
    const std::size_t budget = 1 + generator() % 100;
    std::deque<KvBlock> blocks(c.sequences.size());
    std::vector<std::size_t> done(c.sequences.size(), 0);
    for (std::size_t left = c.sequences.size(); left > 0;) {
      PackedBatch batch;
      std::vector<std::size_t> owner, first;
      for (std::size_t i = 0; i < c.sequences.size() && batch.tokens.size() < budget; ++i) {
        const std::size_t count = std::min(c.sequences[i].size() - done[i], budget - batch.tokens.size());
        if (count == 0) continue;
        append(batch, slice(c.sequences[i], done[i], count),
               done[i] == 0 ? std::vector<ContextPart>{} : std::vector<ContextPart>{{&blocks[i], blocks[i].length}}, &blocks[i]);
        owner.push_back(i);
        first.push_back(done[i]);
        done[i] += count;
        if (done[i] == c.sequences[i].size()) --left;
      }
      const at::Tensor packed = run_all(c.model, batch);
      for (std::size_t s = 0; s < batch.segments.size(); ++s) {
        const Segment& segment = batch.segments[s];
        EXPECT_LE(largest_difference(packed.narrow(0, segment.first_row, segment.rows),
                                     c.expected[owner[s]].narrow(0, static_cast<std::int64_t>(first[s]), segment.rows)),
                  kTolerance)
            << name_of(c) << " budget " << budget;
      }
    }
  }
}

// A common prefix goes through the model once, in the same batch as what follows it, and for later batches.
TEST(Packing, ASharedPrefixIsTheSameAsARepeatedOne) {
  std::mt19937 generator(13);
  for (int round = 0; round < 25; ++round) {
    Case c = random_case(generator);
    const Tokens prefix = c.sequences[0], middle = slice(prefix, 0, 1 + generator() % prefix.size());
    for (Tokens& tokens : c.sequences) {
      tokens.insert(tokens.begin(), middle.begin(), middle.end());
      tokens.insert(tokens.begin(), prefix.begin(), prefix.end());
    }
    c.expected = one_by_one(c.model, c.sequences);
    KvBlock prefix_block, middle_block;
    const std::int64_t prefix_rows = static_cast<std::int64_t>(prefix.size()), middle_rows = static_cast<std::int64_t>(middle.size());
    const std::vector<ContextPart> chain = {{&prefix_block, prefix_rows}, {&middle_block, middle_rows}};
    for (int batch_number = 0; batch_number < 2; ++batch_number) {
      PackedBatch batch;
      if (batch_number == 0) {
        append(batch, prefix, {}, &prefix_block);
        append(batch, middle, {{&prefix_block, prefix_rows}}, &middle_block);
      }
      const std::size_t own = batch.segments.size();
      for (const Tokens& tokens : c.sequences)
        append(batch, slice(tokens, prefix.size() + middle.size(), tokens.size() - prefix.size() - middle.size()), chain, nullptr);
      const at::Tensor packed = run_all(c.model, batch);
      for (std::size_t i = 0; i < c.sequences.size(); ++i) {
        const Segment& segment = batch.segments[own + i];
        EXPECT_LE(largest_difference(packed.narrow(0, segment.first_row, segment.rows), c.expected[i].narrow(0, prefix_rows + middle_rows, segment.rows)),
                  kTolerance)
            << name_of(c) << " batch " << batch_number;
      }
    }
    EXPECT_EQ(prefix_block.length, prefix_rows);
    EXPECT_EQ(middle_block.length, middle_rows);
  }
}

// A part of a block is context as well: two questions that branch off at different places of one prefix.
TEST(Packing, TheFirstPositionsOfABlockAreContext) {
  std::mt19937 generator(14);
  const Case c = random_case(generator);
  const Tokens prefix(40, 3), tail = {5, 6, 7};
  KvBlock block;
  run_all(c.model, {prefix, {{.first_row = 0, .rows = 40, .kept = &block}}});
  for (const std::int64_t length : {0, 1, 17, 40}) {
    PackedBatch batch;
    append(batch, tail, {{&block, length}}, nullptr);
    Tokens whole = slice(prefix, 0, length);
    whole.insert(whole.end(), tail.begin(), tail.end());
    EXPECT_LE(largest_difference(run_all(c.model, batch), one_by_one(c.model, {whole})[0].narrow(0, length, 3)), kTolerance) << length;
  }
}

// Many sequences of different length step together, one row each.
TEST(Packing, DecodingWithTheCacheIsTheSameAsWithoutIt) {
  std::mt19937 generator(15);
  for (int round = 0; round < 8; ++round) {
    Case c = random_case(generator);
    std::vector<KvBlock> blocks(c.sequences.size());
    std::vector<Tokens> with_cache = c.sequences, without = c.sequences;
    for (int step = 0; step < 12; ++step) {
      PackedBatch batch;
      std::vector<std::int64_t> last;
      for (std::size_t i = 0; i < with_cache.size(); ++i) {
        const std::size_t known = static_cast<std::size_t>(blocks[i].length);
        append(batch, slice(with_cache[i], known, with_cache[i].size() - known),
               known == 0 ? std::vector<ContextPart>{} : std::vector<ContextPart>{{&blocks[i], blocks[i].length}}, &blocks[i]);
        last.push_back(static_cast<std::int64_t>(batch.tokens.size()) - 1);
      }
      const at::Tensor normed = forward(c.model, batch, last);
      const Tokens next = greedy_tokens(c.model, normed);
      for (std::size_t i = 0; i < without.size(); ++i) {
        const at::Tensor whole = one_by_one(c.model, {without[i]})[0];
        EXPECT_LE(largest_difference(normed[static_cast<std::int64_t>(i)], whole[-1]), kTolerance) << name_of(c) << " step " << step;
        with_cache[i].push_back(next[i]);
        without[i].push_back(next[i]);
      }
    }
  }
}

TEST(Packing, AKeptBlockMustBeTheEndOfTheContext) {
  const Model model = random_model({}, 1);
  KvBlock block;
  run_all(model, {{1, 2}, {{.first_row = 0, .rows = 2, .kept = &block}}});
  EXPECT_THROW(run_all(model, {{1}, {{.first_row = 0, .rows = 1, .kept = &block}}}), std::logic_error);
}

}  // namespace
}  // namespace winnow
