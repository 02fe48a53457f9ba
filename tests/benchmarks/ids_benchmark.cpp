// Questions and prompts as token ids, through a checkpoint: the same work, on the same weights, that tests/interop/gpu_peers.py gives to transformers.
// WINNOW_IDS: a folder with items.json ({"questions": [ids…], "letters": [4 ids], "prompts": [{"ids": […], "new_tokens": n}]}) and the checkpoint in model/;
// answers.json is written beside it. WINNOW_TEST_DEVICE: cuda (default) or cpu.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>

#include "harness/core/files.h"
#include "harness/core/json.h"
#include "harness/engine/cuda.h"
#include "harness/engine/device_path.h"
#include "harness/model/checkpoint.h"
#include "harness/text/generation.h"
#include "harness/text/score_set.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

std::filesystem::path folder() {
  const char* named = std::getenv("WINNOW_IDS");
  return named != nullptr ? named : "";
}

const Json& items() {
  static const Json items = parse_json(test::read_text(folder() / "items.json"), "items.json");
  return items;
}

const Model& model() {
  static const char* const named = std::getenv("WINNOW_TEST_DEVICE");
  static const bool on_cpu = named != nullptr && std::string(named) == "cpu";
  static const std::optional<ForceDevicePath> forced = on_cpu ? std::make_optional<ForceDevicePath>() : std::nullopt;
  static const Model model = [] {
    const at::Device device = on_cpu ? at::Device(at::kCPU) : open_cuda();
    const auto checkpoint = Checkpoint::open(folder() / "model");
    return load_model(checkpoint->config(), checkpoint->tensors(), *checkpoint, {.dtype = at::kBFloat16, .device = device});
  }();
  return model;
}

void keep(const char* name, Json answers) {
  const std::filesystem::path file = folder() / "answers.json";
  Json all = std::filesystem::exists(file) ? parse_json(test::read_text(file), "answers.json") : Json::object();
  all[name] = std::move(answers);
  write_file(file, all.dump());
}

template <class Run>
void time_by_clock(benchmark::State& state, const Run& run) {
  if (folder().empty()) return state.SkipWithError("WINNOW_IDS names no folder");
  model();
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    run();
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
}

// Four letters behind every question, shared beginnings once: what scoring MMLU is.
void Score(benchmark::State& state) {
  WorkCounters counters;
  std::vector<std::vector<double>> scores;
  time_by_clock(state, [&] {
    counters = {};
    const auto letters = items().at("letters").get<std::vector<std::int32_t>>();
    ScoreSet set;
    std::size_t owner = 0;
    for (const Json& question : items().at("questions")) {
      const auto ids = question.get<std::vector<std::int32_t>>();
      for (const std::int32_t letter : letters) set.add(owner++, {.input = ids, .targets = {letter}});
    }
    scores.assign(owner / letters.size(), std::vector<double>(letters.size()));
    set.score({.model = model(),
               .token_budget = 16384,
               .sharing = PrefixSharing::kOn,
               .counters = counters,
               .on_total = [&](std::size_t i, const ScoreSet::Total& total) {
                 scores[i / letters.size()][i % letters.size()] = total.log_likelihood;
                 return Continue::kYes;
               }});
  });
  if (scores.empty()) return;
  keep("scores", scores);
  state.counters["questions_per_second"] = benchmark::Counter(static_cast<double>(scores.size() * state.iterations()), benchmark::Counter::kIsRate);
  state.counters["tokens_asked"] = static_cast<double>(counters.tokens_asked);
  state.counters["tokens_forwarded"] = static_cast<double>(counters.tokens_forwarded);
}
BENCHMARK(Score)->UseManualTime()->Iterations(2)->Unit(benchmark::kMillisecond);

void Generate(benchmark::State& state) {
  WorkCounters counters;
  std::vector<TokenIds> replies;
  time_by_clock(state, [&] {
    counters = {};
    // Its text is looked at for stop strings only, and there are none.
    static const std::unique_ptr<Tokenizer> tokenizer =
        Tokenizer::open(test::fixture("pruning/mixtral8"), read_json_file(test::fixture("pruning/mixtral8/config.json")).at("vocab_size"));
    std::vector<Prompt> prompts;
    for (const Json& prompt : items().at("prompts"))
      prompts.push_back({.owner = prompts.size(), .ids = prompt.at("ids").get<TokenIds>(), .until = {}, .max_new_tokens = prompt.at("new_tokens").get<int>()});
    replies.assign(prompts.size(), {});
    generate(std::move(prompts), {.model = model(),
                                  .tokenizer = *tokenizer,
                                  .token_budget = 16384,
                                  .max_live_rows = 400'000,
                                  .max_sequences = 256,
                                  .sharing = PrefixSharing::kOn,
                                  .counters = counters,
                                  .on_generated = [&](std::size_t owner, const Generated& generated) {
                                    replies[owner] = generated.ids;
                                    return Continue::kYes;
                                  }});
  });
  if (replies.empty()) return;
  keep("replies", replies);
  state.counters["replies_per_second"] = benchmark::Counter(static_cast<double>(replies.size() * state.iterations()), benchmark::Counter::kIsRate);
  state.counters["decode_tokens_per_second"] = static_cast<double>(counters.tokens_decoded) / counters.decode_seconds;
}
BENCHMARK(Generate)->UseManualTime()->Iterations(2)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace winnow
