// Parts of the engine on a device, bf16, random data: rates of products, an MoE layer and its parts, prefill, steps, copies. ci/gpu_check runs it.
// WINNOW_TEST_DEVICE: cuda (default) or cpu, there by the same path. WINNOW_BENCHMARK_SIZES: real (default) or small.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <map>
#include <numeric>
#include <random>

#include "harness/core/json.h"
#include "harness/engine/cuda.h"
#include "harness/engine/device_clock.h"
#include "harness/engine/device_experts.h"
#include "harness/engine/device_path.h"
#include "harness/engine/expert_stream.h"
#include "harness/engine/experts.h"
#include "harness/engine/forward.h"
#include "harness/engine/ragged_attention.h"
#include "harness/engine/routing.h"
#include "harness/engine/timed_batch.h"
#include "harness/model/family.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

std::string setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

bool is_small() { return setting("WINNOW_BENCHMARK_SIZES", "real") == "small"; }

at::Device device() {
  static const at::Device device = setting("WINNOW_TEST_DEVICE", "cuda") == "cpu" ? at::Device(at::kCPU) : open_cuda();
  static const std::optional<ForceDevicePath> forced = device.is_cpu() ? std::make_optional<ForceDevicePath>() : std::nullopt;
  return device;
}

at::Tensor random_values(at::IntArrayRef shape, double deviation = 1) {
  return at::randn(shape, at::TensorOptions(device()).dtype(at::kBFloat16)).mul_(deviation);
}

// Times `run` alone, by the device's events, after one that does not count.
template <class Run>
void time_on_device(benchmark::State& state, const Run& run) {
  const c10::InferenceMode no_gradients;
  run();
  wait_for_device(device());
  for (auto _ : state) {
    DeviceClock clock(device());
    run();
    state.SetIterationTime(clock.seconds());
  }
}

void set_rate(benchmark::State& state, const char* name, double each) {
  state.counters[name] = benchmark::Counter(each * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

// What the tensor cores give at best: one large product of random numbers.
void DenseProduct(benchmark::State& state) {
  const std::int64_t size = is_small() ? 256 : 8192;
  const at::Tensor a = random_values({size, size}), b = random_values({size, size});
  time_on_device(state, [&] { benchmark::DoNotOptimize(at::mm(a, b.t())); });
  set_rate(state, "flops", 2.0 * std::pow(static_cast<double>(size), 3));
}
BENCHMARK(DenseProduct)->UseManualTime()->Unit(benchmark::kMillisecond);

void HostToDevice(benchmark::State& state) {
  if (device().is_cpu()) return state.SkipWithError("copies to a device need one");
  const at::Tensor host = at::ones({std::int64_t{1} << 30}, at::kByte).pin_memory();
  at::Tensor there = at::empty_like(host, at::TensorOptions(device()));
  time_on_device(state, [&] { there.copy_(host, /*non_blocking=*/true); });
  set_rate(state, "bytes_per_second", static_cast<double>(host.numel()));
}
BENCHMARK(HostToDevice)->UseManualTime()->Unit(benchmark::kMillisecond);

struct LayerShape {
  std::int64_t hidden, width, experts, top_k;
};
const std::map<std::string, LayerShape>& layer_shapes() {
  static const std::map<std::string, LayerShape> real = {{"mixtral", {4096, 14336, 8, 2}}, {"olmoe", {2048, 1024, 64, 8}}, {"qwen3", {2048, 768, 128, 8}}};
  static const std::map<std::string, LayerShape> small = {{"mixtral", {64, 128, 8, 2}}, {"olmoe", {32, 16, 64, 8}}, {"qwen3", {32, 24, 128, 8}}};
  return is_small() ? small : real;
}

MoeWeights random_layer(const LayerShape& shape) {
  MoeWeights moe;
  const double deviation = 1 / std::sqrt(static_cast<double>(shape.hidden));
  moe.router = random_values({shape.experts, shape.hidden}, deviation).to(at::kFloat);
  moe.stack = ExpertStack{.gate_up = random_values({shape.experts, 2 * shape.width, shape.hidden}, deviation),
                          .down = random_values({shape.experts, shape.hidden, shape.width}, deviation),
                          .place = {}};
  for (std::int64_t expert = 0; expert < shape.experts; ++expert) {
    const at::Tensor gate_up = moe.stack->gate_up[expert];
    moe.experts.push_back(std::make_shared<GatedMlp>(
        GatedMlp{{gate_up.narrow(0, 0, shape.width), {}}, {gate_up.narrow(0, shape.width, shape.width), {}}, {moe.stack->down[expert], {}}}));
    moe.original_index.push_back(static_cast<int>(expert));
  }
  return moe;
}

// One layer's experts with their routing, over `tokens` rows; and its parts, which say where the rest of the time goes.
void moe_layer(benchmark::State& state, const std::string& name, const std::string& part) {
  const LayerShape shape = layer_shapes().at(name);
  const std::int64_t tokens = is_small() ? 64 : state.range(0);
  const MoeWeights moe = random_layer(shape);
  const RouterConfig router{.experts_per_token = shape.top_k, .renormalize = true};
  const at::Tensor input = random_values({tokens, shape.hidden});
  const Routing routing = route(router, moe, input);
  const at::Tensor order = std::get<1>(at::sort(routing.experts.flatten(), /*stable=*/true, 0, /*descending=*/false));
  const at::Tensor gathered = input.index_select(0, at::floor_divide(order, shape.top_k));
  const at::Tensor ends = at::searchsorted(std::get<0>(at::sort(routing.experts.flatten())), at::arange(shape.experts, routing.experts.options()), true, true);
  const double products = 6.0 * static_cast<double>(tokens * shape.top_k * shape.hidden * shape.width);
  if (part == "layer") {
    time_on_device(state, [&] { benchmark::DoNotOptimize(run_moe(router, moe, 0, input, {})); });
    set_rate(state, "flops", products);
  } else if (part == "router") {
    time_on_device(state, [&] { benchmark::DoNotOptimize(route(router, moe, input)); });
  } else if (part == "gather") {
    time_on_device(state, [&] { benchmark::DoNotOptimize(input.index_select(0, at::floor_divide(order, shape.top_k))); });
  } else {
    const at::Tensor activation = random_values({tokens * shape.top_k, shape.width});
    time_on_device(state, [&] {
      benchmark::DoNotOptimize(at::_grouped_mm(gathered, moe.stack->gate_up.transpose(1, 2), ends));
      benchmark::DoNotOptimize(at::_grouped_mm(activation, moe.stack->down.transpose(1, 2), ends));
    });
    set_rate(state, "flops", products);
  }
  set_rate(state, "tokens_per_second", static_cast<double>(tokens));
}

at::Tensor in_host_memory(const at::Tensor& tensor) { return device().is_cpu() ? tensor.clone() : tensor.cpu().pin_memory(); }

// Three layers one after another, the least of which every one is copied anew: as fast as the copies (HostToDevice) or the products are.
void streamed_layers(benchmark::State& state, const std::string& name) {
  constexpr int kLayers = 3;
  const LayerShape shape = layer_shapes().at(name);
  const std::int64_t tokens = is_small() ? 64 : state.range(0);
  std::vector<MoeWeights> layers;
  std::vector<ExpertStream::Matrices> matrices;
  for (int layer = 0; layer < kLayers; ++layer) {
    layers.push_back(random_layer(shape));
    ExpertStack& stack = *layers.back().stack;
    stack.gate_up = in_host_memory(stack.gate_up);
    stack.down = in_host_memory(stack.down);
    layers.back().experts.assign(layers.back().original_index.size(), std::make_shared<GatedMlp>());
    matrices.push_back({stack.gate_up, stack.down});
  }
  const auto stream = std::make_shared<ExpertStream>(device(), matrices);
  for (int layer = 0; layer < kLayers; ++layer) {
    layers[layer].stack->stream = stream;
    layers[layer].stack->in_stream = layer;
  }
  const RouterConfig router{.experts_per_token = shape.top_k, .renormalize = true};
  const at::Tensor input = random_values({tokens, shape.hidden});
  time_on_device(state, [&] {
    for (int layer = 0; layer < kLayers; ++layer) benchmark::DoNotOptimize(run_moe(router, layers[layer], layer, input, {}));
  });
  set_rate(state, "bytes_per_second", kLayers * static_cast<double>(stream->slot_bytes()) / 2);
  set_rate(state, "flops", kLayers * 6.0 * static_cast<double>(tokens * shape.top_k * shape.hidden * shape.width));
  set_rate(state, "tokens_per_second", static_cast<double>(tokens));
}

const ModelConfig& model_shape() {
  static const ModelConfig config = [] {
    Json json = read_json_file(test::fixture("shapes/olmoe_1b_7b_as_mixtral.json"));
    if (is_small())
      json.update({{"hidden_size", 64},
                   {"intermediate_size", 32},
                   {"num_attention_heads", 4},
                   {"num_key_value_heads", 4},
                   {"num_hidden_layers", 2},
                   {"vocab_size", 512}});
    return family_of(json).make(Params{})->read(json);
  }();
  return config;
}

const Model& model() {
  static const Model model = [] {
    const auto weights = random_weights(model_shape(), 1);
    return load_model(model_shape(), Registry<Family>::instance().make(model_shape().family)->tensors(model_shape()), *weights,
                      {.dtype = at::kBFloat16, .device = device()});
  }();
  return model;
}

std::vector<std::vector<std::int32_t>> random_prompts(std::int64_t count, std::int64_t length) {
  std::mt19937 generator(7);
  std::vector<std::vector<std::int32_t>> prompts(count, std::vector<std::int32_t>(length));
  for (auto& prompt : prompts) {
    for (std::int32_t& token : prompt) token = static_cast<std::int32_t>(generator() % model_shape().vocabulary);
  }
  return prompts;
}

// OLMoE's size: prompts of 1,024 tokens, then 16 steps of `batch` sequences.
void PrefillAndSteps(benchmark::State& state) {
  device();
  const auto prompts = random_prompts(state.range(0), is_small() ? 16 : 1024);
  run_timed_batch(model(), prompts, {.new_tokens = 2});
  double prefill = 0, steps = 0;
  for (auto _ : state) {
    const TimedBatch batch = run_timed_batch(model(), prompts, {.new_tokens = 16, .token_budget = 16384});
    state.SetIterationTime(batch.prefill_seconds + batch.decode_seconds);
    prefill += static_cast<double>(batch.prefill_tokens) / batch.prefill_seconds;
    steps += static_cast<double>(batch.decode_tokens) / batch.decode_seconds;
  }
  state.counters["prefill_tokens_per_second"] = prefill / static_cast<double>(state.iterations());
  state.counters["decode_tokens_per_second"] = steps / static_cast<double>(state.iterations());
}
BENCHMARK(PrefillAndSteps)->Arg(1)->Arg(32)->Arg(128)->UseManualTime()->Unit(benchmark::kMillisecond);

// Questions behind one prefix, as five-shot scoring has them: 64 of 127 tokens behind 600.
void SharedPrefix(benchmark::State& state) {
  device();
  const std::int64_t prefix = is_small() ? 20 : 600, question = is_small() ? 5 : 127, count = 64;
  const auto prompts = random_prompts(count, question);
  const auto shared = random_prompts(1, prefix).front();
  const auto run = [&] {
    KvBlock block;
    PackedBatch batch{shared, {{.first_row = 0, .rows = prefix, .kept = &block}}};
    std::vector<std::int64_t> rows;
    for (const auto& prompt : prompts) {
      batch.segments.push_back({.first_row = std::ssize(batch.tokens), .rows = question, .context = {{&block, prefix}}});
      batch.tokens.insert(batch.tokens.end(), prompt.begin(), prompt.end());
      rows.push_back(std::ssize(batch.tokens) - 1);
    }
    benchmark::DoNotOptimize(greedy_tokens(model(), forward(model(), batch, rows)));
  };
  time_on_device(state, run);
  set_rate(state, "questions_per_second", static_cast<double>(count));
  set_rate(state, "tokens_per_second", static_cast<double>(prefix + count * question));
}
BENCHMARK(SharedPrefix)->UseManualTime()->Unit(benchmark::kMillisecond);

const int kRegistered = [] {
  for (const auto& [name, shape] : layer_shapes()) {
    for (const char* part : {"layer", "router", "gather", "products"}) {
      auto* one = benchmark::RegisterBenchmark(fmt::format("MoeLayer/{}/{}", name, part).c_str(),
                                               [name, part](benchmark::State& state) { moe_layer(state, name, part); });
      one->Arg(16384)->UseManualTime()->Unit(benchmark::kMillisecond);
      if (std::string(part) == "layer" || std::string(part) == "products") one->Arg(64)->Arg(1024);
    }
  }
  // A fixed count: every guess at how many there is time for would fill the host's memory anew, which takes longer than all that is timed.
  for (const auto& [name, shape] : layer_shapes()) {
    auto* streamed =
        benchmark::RegisterBenchmark(fmt::format("StreamedLayers/{}", name).c_str(), [name](benchmark::State& state) { streamed_layers(state, name); });
    streamed->Arg(64)->Arg(16384)->Iterations(5)->UseManualTime()->Unit(benchmark::kMillisecond);
  }
  return 0;
}();

}  // namespace
}  // namespace winnow
