#include <algorithm>
#include <numeric>
#include <set>

#include "harness/api/measure.h"
#include "harness/core/statistics.h"
#include "tasks/shared/conditions.h"
#include "tasks/shared/figures.h"
#include "tasks/shared/model_shelf.h"

namespace winnow {
namespace {

// What the rounds of one variant at one batch size gave.
struct Rounds {
  BatchRun counted;  // of the warm-up: the same tokens, so the same routing
  std::vector<double> prefill_seconds, decode_seconds;
};

// Prefill and decode tokens per second in rounds: batch size 1 with A B C, batch size 8 with A B C …, and again.
class Speed : public Measurement {
 public:
  explicit Speed(const Params& params)
      : batch_sizes_(params.get<std::vector<std::size_t>>("batch_sizes")),
        context_(params.get<std::int64_t>("context")),
        new_tokens_(params.get<int>("new_tokens")),
        repeats_(params.get<int>("repeats")),
        warm_up_(params.get<int>("warm_up")),
        memory_share_(params.get<double>("memory_share")),
        seed_(params.get<std::uint64_t>("seed")) {
    if (batch_sizes_.empty()) throw input_error("task speed: \"batch_sizes\" is empty; give at least one, such as [1, 8, 32]");
    for (std::size_t i = 0; i < batch_sizes_.size(); ++i) {
      if (batch_sizes_[i] < 1 || batch_sizes_[i] > 4096) throw input_error("task speed: a batch size is {}, expected 1 to 4096", batch_sizes_[i]);
      if (std::count(batch_sizes_.begin(), batch_sizes_.end(), batch_sizes_[i]) > 1)
        throw input_error("task speed: \"batch_sizes\" has {} twice", batch_sizes_[i]);
    }
  }

  bool depends_on_machine() const override { return true; }

  void check_model(const MeasuredModel& model) const override { check_room(model, "speed", context_, new_tokens_); }

  void measure(const MeasureInputs& inputs) const override {
    std::vector<VariantNumber> in_turn = inputs.variants;
    VariantNumber reference = kDense;
    for (const VariantNumber variant : inputs.variants) {
      if (inputs.model.size(variant).is_dense) reference = variant;
    }
    if (reference == kDense) in_turn.insert(in_turn.begin(), kDense);  // timed as well: speeds are compared with it round by round
    ModelShelf shelf(inputs.model, in_turn, memory_share_);
    const MachineState before = inputs.machine();
    Failed failed;
    const std::map<Key, Rounds> rounds = run_rounds(inputs, in_turn, shelf, failed);
    const Conditions conditions = conditions_between(before, inputs.machine(), inputs.threads);
    const std::string how = fmt::format("{}, {} rounds after {} of warm-up, {}; {} tokens of context, {} new ones, threads {}", names(inputs, in_turn),
                                        repeats_, warm_up_, order_text(shelf, in_turn.size()), context_, new_tokens_, inputs.threads);
    const ModelSize dense = inputs.model.size(kDense);
    const char* unpaired = failed.contains(reference) ? "; the dense model could not be timed beside, so there are no ratios" : "";
    for (const VariantNumber variant : inputs.variants) {
      if (failed.contains(variant)) continue;
      Figures figures;
      add_headline(rounds.at({batch_sizes_.size() - 1, variant}), figures);
      for (std::size_t b = 0; b < batch_sizes_.size(); ++b)
        add_batch(rounds.at({b, variant}), failed.contains(reference) ? Rounds{} : rounds.at({b, reference}), b, figures);
      add_conditions(conditions, figures);
      inputs.on_measured(variant, {.metrics = figures.take(),
                                   .note = how + unpaired + limits(inputs.model.size(variant), dense) + remark_on(conditions),
                                   .seconds = seconds_of(rounds, variant)});
    }
  }

 private:
  using Key = std::pair<std::size_t, VariantNumber>;  // place in batch_sizes_, variant
  using Failed = std::set<VariantNumber>;             // such as memory has no room for: they leave the others alone

  std::map<Key, Rounds> run_rounds(const MeasureInputs& inputs, const std::vector<VariantNumber>& in_turn, ModelShelf& shelf, Failed& failed) const {
    std::map<Key, Rounds> rounds;
    std::vector<TokenSequences> prompts;
    for (const std::size_t size : batch_sizes_) prompts.push_back(random_prompts(size, static_cast<std::size_t>(context_), inputs.model.vocabulary(), seed_));
    const std::size_t steps = batch_sizes_.size() * in_turn.size() * static_cast<std::size_t>(repeats_ + 1);
    std::size_t done = 0;
    const auto warm_up = [&](std::size_t b, VariantNumber variant) {
      inputs.on_step(done, steps);
      TimedModel& model = shelf.at(variant);
      Rounds& own = rounds[{b, variant}];
      const bool is_first = own.counted.steps == 0;
      if (is_first) own.counted = model.run(prompts[b], new_tokens_, TimedModel::Counting::kOn);
      for (int i = is_first ? 1 : 0; i < warm_up_; ++i) model.run(prompts[b], new_tokens_, TimedModel::Counting::kOff);
      if (is_first) ++done;
    };
    const auto time = [&](std::size_t b, VariantNumber variant) {
      inputs.on_step(done++, steps);
      const BatchRun run = shelf.at(variant).run(prompts[b], new_tokens_, TimedModel::Counting::kOff);
      Rounds& own = rounds[{b, variant}];
      WINNOW_CHECK(run.prefill_tokens == own.counted.prefill_tokens && run.decode_tokens == own.counted.decode_tokens);
      own.prefill_seconds.push_back(run.prefill_seconds);
      own.decode_seconds.push_back(run.decode_seconds);
    };
    // A round times everything once, so that what a speed varies over is the whole run; neighbours share the machine's state and are compared.
    std::vector<Key> turns;
    for (std::size_t b = 0; b < batch_sizes_.size(); ++b) {
      for (const VariantNumber variant : in_turn) turns.emplace_back(b, variant);
    }
    if (!shelf.holds_all()) std::ranges::stable_sort(turns, {}, &Key::second);  // a variant that is read anew is read once a round
    const auto attempt = [&](VariantNumber variant, const std::function<void()>& work) {
      if (failed.contains(variant) || goes_well(inputs, variant, work)) return;
      failed.insert(variant);
      shelf.drop(variant);
    };
    if (shelf.holds_all()) {
      for (const auto& [b, variant] : turns) attempt(variant, [&, b, variant] { warm_up(b, variant); });
    }
    for (int repeat = 0; repeat < repeats_; ++repeat) {
      for (const auto& [b, variant] : turns) {
        attempt(variant, [&, b, variant] {
          if (rounds[{b, variant}].counted.steps == 0 || shelf.is_guest(variant)) warm_up(b, variant);
          time(b, variant);
        });
      }
    }
    return rounds;
  }

  // The dense model that is only timed beside has no row to fail.
  static bool goes_well(const MeasureInputs& inputs, VariantNumber variant, const std::function<void()>& work) {
    if (variant != kDense) return inputs.attempt(variant, work);
    try {
      work();
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  // Of the last batch size that the sweep names.
  void add_headline(const Rounds& rounds, Figures& figures) const {
    Metric& headline =
        figures.add("decode_tokens_per_second", static_cast<double>(rounds.counted.decode_tokens) / median(rounds.decode_seconds), "tokens/s", Better::kHigher);
    headline.filter = fmt::format("batch_{}", batch_sizes_.back());
    headline.count = repeats_;
  }

  void add_batch(const Rounds& rounds, const Rounds& dense, std::size_t b, Figures& figures) const {
    const std::string leaf = fmt::format("batch_{}", batch_sizes_[b]);
    const auto add = [&](const std::string& name, double value, const char* unit, Better better) -> Metric& {
      Metric& metric = figures.add(name, value, unit, better);
      metric.leaf = leaf;
      metric.count = repeats_;
      return metric;
    };
    const auto add_rates = [&](const std::string& phase, std::int64_t tokens, const std::vector<double>& seconds, const std::vector<double>& dense_seconds) {
      const auto counted = static_cast<double>(tokens);
      add(phase + "_tokens_per_second", counted / median(seconds), "tokens/s", Better::kHigher);
      add(phase + "_tokens_per_second_low", counted / *std::ranges::max_element(seconds), "tokens/s", Better::kHigher);
      add(phase + "_tokens_per_second_high", counted / *std::ranges::min_element(seconds), "tokens/s", Better::kHigher);
      add(phase + "_tokens", counted, "tokens", Better::kHigher);
      add(phase + "_seconds", median(seconds), "seconds", Better::kLower);
      if (dense_seconds.empty()) return;
      std::vector<double> ratios;
      for (std::size_t i = 0; i < seconds.size(); ++i) ratios.push_back(dense_seconds[i] / seconds[i]);
      add(phase + "_speed_ratio", median(ratios), "ratio", Better::kHigher);
      add(phase + "_speed_ratio_low", *std::ranges::min_element(ratios), "ratio", Better::kHigher);
      add(phase + "_speed_ratio_high", *std::ranges::max_element(ratios), "ratio", Better::kHigher);
    };
    add_rates("decode", rounds.counted.decode_tokens, rounds.decode_seconds, dense.decode_seconds);
    add_rates("prefill", rounds.counted.prefill_tokens, rounds.prefill_seconds, dense.prefill_seconds);
    const auto steps = static_cast<double>(rounds.counted.steps);
    add("weight_bytes_per_step", rounds.counted.weight_bytes, "bytes", Better::kLower);
    add("weight_bytes_per_second", rounds.counted.weight_bytes * steps / median(rounds.decode_seconds), "bytes/s", Better::kHigher);
    add("expert_rows_per_step", rounds.counted.expert_rows, "rows", Better::kLower);
    add_touched(rounds.counted.experts_touched, leaf, figures);
  }

  // The mean over the MoE layers, then each of them.
  void add_touched(const std::vector<double>& touched, const std::string& leaf, Figures& figures) const {
    const auto is_moe = [](double count) { return count > 0; };
    const auto layers = static_cast<double>(std::ranges::count_if(touched, is_moe));
    if (layers == 0) return;
    const auto add = [&](double value, std::string of, std::string parent) {
      Metric& metric = figures.add("experts_touched", value, "experts", Better::kLower);
      metric.leaf = std::move(of);
      metric.parent = std::move(parent);
      metric.count = new_tokens_;
    };
    add(std::accumulate(touched.begin(), touched.end(), 0.0) / layers, leaf, "");
    for (std::size_t layer = 0; layer < touched.size(); ++layer) {
      if (is_moe(touched[layer])) add(touched[layer], fmt::format("{}_layer_{}", leaf, layer), leaf);
    }
  }

  std::map<std::string, double> seconds_of(const std::map<Key, Rounds>& rounds, VariantNumber variant) const {
    std::map<std::string, double> seconds;
    for (std::size_t b = 0; b < batch_sizes_.size(); ++b) {
      const Rounds& own = rounds.at({b, variant});
      seconds["prefill"] += std::accumulate(own.prefill_seconds.begin(), own.prefill_seconds.end(), 0.0);
      seconds["decode"] += std::accumulate(own.decode_seconds.begin(), own.decode_seconds.end(), 0.0);
    }
    return seconds;
  }

  static std::string names(const MeasureInputs& inputs, const std::vector<VariantNumber>& in_turn) {
    std::vector<std::string> names;
    if (in_turn.front() == kDense) names.push_back("the dense model");
    names.insert(names.end(), inputs.labels.begin(), inputs.labels.end());
    return names.size() == 1 ? names.front() + " alone" : fmt::format("in turn {}", fmt::join(names, ", "));
  }

  static std::string order_text(const ModelShelf& shelf, std::size_t models) {
    if (shelf.holds_all()) return models == 1 ? "held in memory" : "all held in memory";
    return fmt::format("{} of {} held in memory, the others read anew in every round and warmed up", shelf.held(), models);
  }

  // What this way of pruning cannot give here.
  static std::string limits(const ModelSize& size, const ModelSize& dense) {
    std::string text;
    if (size.has_zeros_in_dense_kernels) text += "; zeros in dense kernels are read and multiplied like any weight, so that masking makes nothing faster here";
    if (size.experts < dense.experts)
      text +=
          "; dropped experts save bytes only where a step's tokens spread over more experts than stay: none at batch size 1, and none of prefill's arithmetic";
    return text;
  }

  std::vector<std::size_t> batch_sizes_;
  std::int64_t context_;
  int new_tokens_, repeats_, warm_up_;
  double memory_share_;
  std::uint64_t seed_;
};

const Registration<Measurement> kRegistration{
    {.name = "speed",
     .version = 1,
     .summary = "prefill and decode tokens per second by batch size, variants in turn, with experts touched and bytes of weights read per step",
     .settings = {{.name = "batch_sizes",
                   .types = {SettingType::kIntegerList},
                   .default_value = {1, 8, 32},
                   .summary = "prompts side by side",
                   .minimum = 1,
                   .maximum = 4096},
                  {.name = "context",
                   .types = {SettingType::kInteger},
                   .default_value = 512,
                   .summary = "tokens of a prompt, random ids",
                   .minimum = 1,
                   .maximum = 1 << 20},
                  {.name = "new_tokens",
                   .types = {SettingType::kInteger},
                   .default_value = 32,
                   .summary = "greedy steps after the prompts",
                   .minimum = 1,
                   .maximum = 1 << 16},
                  {.name = "repeats",
                   .types = {SettingType::kInteger},
                   .default_value = 5,
                   .summary = "rounds over the variants; medians and ranges are over them",
                   .minimum = 5,
                   .maximum = 1000},
                  {.name = "warm_up",
                   .types = {SettingType::kInteger},
                   .default_value = 1,
                   .summary = "runs before the first round; the first of them counts experts",
                   .minimum = 1,
                   .maximum = 100},
                  {.name = "memory_share",
                   .types = {SettingType::kNumber},
                   .default_value = 0.8,
                   .summary = "of the memory that is free: variants that fit are held, the others read anew each round",
                   .minimum = 0,
                   .maximum = 1},
                  {.name = "seed", .types = {SettingType::kInteger}, .default_value = 1234, .summary = "of the prompts", .minimum = 0}},
     .make = [](const Params& params) -> std::unique_ptr<Measurement> { return std::make_unique<Speed>(params); }}};

}  // namespace
}  // namespace winnow
