// Prefill and decode of the 0.79 B Mixtral shape with random bf16 weights on 2 threads (WINNOW_BENCHMARK_THREADS). tests/interop/peers.py runs it
// beside transformers.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <numeric>
#include <random>

#include "harness/engine/forward.h"
#include "harness/model/family.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

const Model& model() {
  static const Model model = [] {
    const char* threads = std::getenv("WINNOW_BENCHMARK_THREADS");
    at::set_num_threads(threads != nullptr ? std::atoi(threads) : 2);
    const Json json = read_json_file(test::fixture("shapes/mixtral_0_79b.json"));
    const auto family = family_of(json).make(Params{});
    const ModelConfig config = family->read(json);
    const auto weights = random_weights(config, 1);
    return load_model(config, family->tensors(config), *weights, {.dtype = at::kBFloat16});
  }();
  return model;
}

std::vector<std::int32_t> random_tokens(std::int64_t count) {
  std::mt19937 generator(7);
  std::vector<std::int32_t> tokens(count);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(generator() % model().config.vocabulary);
  return tokens;
}

// Sequences of equal length that keep their keys and values; the next token of each.
std::vector<std::int32_t> prefill(std::vector<KvBlock>& blocks, std::int64_t length) {
  PackedBatch batch{random_tokens(static_cast<std::int64_t>(blocks.size()) * length), {}};
  std::vector<std::int64_t> last_rows;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    blocks[i] = KvBlock{};
    batch.segments.push_back({.first_row = static_cast<std::int64_t>(i) * length, .rows = length, .kept = &blocks[i]});
    last_rows.push_back(static_cast<std::int64_t>(i + 1) * length - 1);
  }
  return greedy_tokens(model(), forward(model(), batch, last_rows));
}

void Prefill(benchmark::State& state) {
  const std::int64_t sequences = state.range(0), length = state.range(1);
  std::vector<KvBlock> blocks(sequences);
  prefill(blocks, length);
  for (auto _ : state) benchmark::DoNotOptimize(prefill(blocks, length));
  state.counters["tokens_per_second"] = benchmark::Counter(static_cast<double>(state.iterations() * sequences * length), benchmark::Counter::kIsRate);
}
BENCHMARK(Prefill)->Args({4, 512})->Unit(benchmark::kMillisecond)->UseRealTime();

// Steps of one token of each sequence after a prompt of 128.
void Decode(benchmark::State& state) {
  const std::int64_t sequences = state.range(0);
  std::vector<KvBlock> blocks(sequences);
  std::vector<std::int32_t> tokens = prefill(blocks, 128);
  std::vector<std::int64_t> rows(sequences);
  std::iota(rows.begin(), rows.end(), 0);
  for (auto _ : state) {
    PackedBatch batch{tokens, {}};
    for (std::int64_t i = 0; i < sequences; ++i)
      batch.segments.push_back({.first_row = i, .rows = 1, .context = {{&blocks[i], blocks[i].length}}, .kept = &blocks[i]});
    tokens = greedy_tokens(model(), forward(model(), batch, rows));
  }
  state.counters["tokens_per_second"] = benchmark::Counter(static_cast<double>(state.iterations() * sequences), benchmark::Counter::kIsRate);
}
BENCHMARK(Decode)->Arg(1)->Arg(16)->Arg(64)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace winnow
