#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/api/measure.h"
#include "tasks/shared/compared_text.h"
#include "tasks/shared/figures.h"

namespace winnow {
namespace {

// How well each MoE layer of a variant gives back what the dense model's gave, over all tokens of a text: √(Σ |variant − dense|² / Σ |dense|²) of the layer's output
// (routed experts and shared expert, before the residual is added).
//   reconstruction_error      each layer of the variant fed with the dense model's input to that layer: the damage done there
//   reconstruction_error_own  fed with what the variant itself made of the tokens so far: the damage carried along
// And how the tokens' choices are spread over the experts present, each model on its own inputs.
class ReconstructionError : public Measurement {
 public:
  explicit ReconstructionError(const Params& params) : text_("reconstruction_error", params) {}

  std::vector<DatasetPart> reads() const override { return text_.reads(); }
  bool needs_tokenizer() const override { return true; }
  void check(DatasetSource& datasets) const override { text_.check(datasets); }

  void measure(const MeasureInputs& inputs) const override {
    const std::vector<TokenWindow> windows = text_.windows(inputs.datasets, inputs.model);
    std::int64_t tokens = 0;
    for (const TokenWindow& window : windows) tokens += std::ssize(window.ids);
    const MeasuredModel::Together together{windows, inputs.variants, inputs.on_failed, inputs.on_step};
    for (const auto& [variant, layers] : inputs.model.compare_layers(together)) {
      if (layers.empty()) {
        inputs.on_failed(variant, "the model has no MoE layer, so there is no output of one to compare");
        continue;
      }
      Figures figures;
      add_whole(layers, tokens, figures);
      for (const LayerComparison& layer : layers) add_layer(layer, tokens, figures);
      inputs.on_measured(variant, {.metrics = figures.take(), .note = fmt::format("{}, {} tokens", text_.describe(windows.size()), tokens)});
    }
  }

 private:
  struct Load {
    double largest_share = 0, smallest_share = 0, entropy = 0;  // entropy over its largest, log of the experts present: 1 is even
    double dead = 0;
  };

  static Load load_of(const std::vector<std::int64_t>& rows) {
    Load load;
    const auto total = static_cast<double>(std::accumulate(rows.begin(), rows.end(), std::int64_t{0}));
    if (total == 0) return load;
    for (const std::int64_t count : rows) {
      const double share = static_cast<double>(count) / total;
      if (count == 0) ++load.dead;
      if (share > 0) load.entropy -= share * std::log(share);
    }
    load.largest_share = static_cast<double>(*std::ranges::max_element(rows)) / total;
    load.smallest_share = static_cast<double>(*std::ranges::min_element(rows)) / total;
    load.entropy = rows.size() > 1 ? load.entropy / std::log(static_cast<double>(rows.size())) : 1;
    return load;
  }

  // Over all layers: squares of all of them in one sum, loads in their mean.
  static void add_whole(const std::vector<LayerComparison>& layers, std::int64_t tokens, Figures& figures) {
    double dense = 0, same_input = 0, own_input = 0, entropy = 0, entropy_before = 0, dead = 0, dead_before = 0;
    for (const LayerComparison& layer : layers) {
      dense += layer.dense_squares;
      same_input += layer.same_input_squares;
      own_input += layer.own_input_squares;
      const Load before = load_of(layer.dense_load), after = load_of(layer.variant_load);
      entropy += after.entropy / static_cast<double>(layers.size());
      entropy_before += before.entropy / static_cast<double>(layers.size());
      dead += after.dead;
      dead_before += before.dead;
    }
    const auto add = [&](const char* name, double value, const char* unit, Better better) { figures.add(name, value, unit, better).count = tokens; };
    add("reconstruction_error", relative(same_input, dense), "share", Better::kLower);
    add("reconstruction_error_own", relative(own_input, dense), "share", Better::kLower);
    add("load_entropy", entropy, "share", Better::kHigher);
    add("load_entropy_before", entropy_before, "share", Better::kHigher);
    add("dead_experts", dead, "experts", Better::kLower);
    add("dead_experts_before", dead_before, "experts", Better::kLower);
  }

  static void add_layer(const LayerComparison& layer, std::int64_t tokens, Figures& figures) {
    const std::string leaf = fmt::format("layer_{}", layer.layer);
    const auto add = [&](const std::string& name, double value, const char* unit, Better better) {
      Metric& metric = figures.add(name, value, unit, better);
      metric.leaf = leaf;
      metric.count = tokens;
    };
    add("reconstruction_error", relative(layer.same_input_squares, layer.dense_squares), "share", Better::kLower);
    add("reconstruction_error_own", relative(layer.own_input_squares, layer.dense_squares), "share", Better::kLower);
    const auto add_load = [&](const std::string& when, const std::vector<std::int64_t>& rows) {
      const Load load = load_of(rows);
      add("load_entropy" + when, load.entropy, "share", Better::kHigher);
      add("load_largest_share" + when, load.largest_share, "share", Better::kLower);
      add("load_smallest_share" + when, load.smallest_share, "share", Better::kHigher);
      add("dead_experts" + when, load.dead, "experts", Better::kLower);
      const auto total = static_cast<double>(std::max<std::int64_t>(1, std::accumulate(rows.begin(), rows.end(), std::int64_t{0})));
      for (std::size_t expert = 0; expert < rows.size(); ++expert) {
        add(fmt::format("load_share_{}{}", expert, when), static_cast<double>(rows[expert]) / total, "share", Better::kHigher);
      }
    };
    add_load("", layer.variant_load);
    add_load("_before", layer.dense_load);
  }

  // 0 where both are nothing.
  static double relative(double squares, double dense_squares) { return squares == 0 ? 0 : std::sqrt(squares / dense_squares); }

  ComparedText text_;
};

const Registration<Measurement> kRegistration{
    {.name = "reconstruction_error",
     .version = 1,
     .summary = "per MoE layer: relative error of its output against the dense model's, and how tokens are spread over its experts",
     .settings = ComparedText::settings(),
     .make = [](const Params& params) -> std::unique_ptr<Measurement> { return std::make_unique<ReconstructionError>(params); }}};

}  // namespace
}  // namespace winnow
