#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/api/measure.h"
#include "harness/core/statistics.h"
#include "tasks/shared/block_errors.h"
#include "tasks/shared/compared_text.h"
#include "tasks/shared/figures.h"

namespace winnow {
namespace {

struct NamedQuantile {
  const char* name;
  double probability;
};
constexpr NamedQuantile kDivergenceQuantiles[] = {{"median", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
constexpr NamedQuantile kChangeQuantiles[] = {{"min", 0},    {"p01", 0.01}, {"p05", 0.05}, {"p10", 0.1},  {"p25", 0.25}, {"median", 0.5},
                                              {"p75", 0.75}, {"p90", 0.9},  {"p95", 0.95}, {"p99", 0.99}, {"max", 1}};

// Everything that is kept of a variant: two numbers a token for the quantiles, and sums by block.
class TokenSums {
 public:
  explicit TokenSums(const std::vector<std::int64_t>& lengths) : lengths_(lengths) {
    for (std::vector<double>* sums : {&divergence, &same_top, &dense_loss, &variant_loss, &loss_change}) sums->assign(lengths.size(), 0);
  }

  void add(const ComparedToken& token) {
    if (taken_of_block_ == lengths_[block_]) {
      ++block_;
      taken_of_block_ = 0;
    }
    ++taken_of_block_;
    const double change = token.dense_log_probability - token.variant_log_probability;
    divergence[block_] += token.divergence;
    same_top[block_] += token.same_top ? 1 : 0;
    dense_loss[block_] -= token.dense_log_probability;
    variant_loss[block_] -= token.variant_log_probability;
    loss_change[block_] += change;
    loss_change_squares += change * change;
    divergences.push_back(token.divergence);
    changes.push_back(std::exp(token.variant_log_probability) - std::exp(token.dense_log_probability));
    change_squares += changes.back() * changes.back();
  }

  std::vector<double> divergence, same_top, dense_loss, variant_loss, loss_change;  // by block
  double loss_change_squares = 0, change_squares = 0;
  std::vector<double> divergences, changes;  // by token

 private:
  const std::vector<std::int64_t>& lengths_;
  std::size_t block_ = 0;
  std::int64_t taken_of_block_ = 0;
};

double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

// How far each variant's next-token distributions moved from the dense model's. Natural logarithms throughout.
class Divergence : public Measurement {
 public:
  explicit Divergence(const Params& params)
      : text_("divergence", params), replicates_(params.get<int>("replicates")), seed_(params.get<std::uint64_t>("seed")) {}

  std::vector<DatasetPart> reads() const override { return text_.reads(); }
  bool needs_tokenizer() const override { return true; }
  void check(DatasetSource& datasets) const override { text_.check(datasets); }

  void measure(const MeasureInputs& inputs) const override {
    const std::vector<TokenWindow> windows = text_.windows(inputs.datasets, inputs.model);
    std::vector<std::int64_t> tokens;
    for (const TokenWindow& window : windows) tokens.push_back(std::ssize(window.ids) - static_cast<std::int64_t>(window.first_predicted));
    const std::vector<std::int64_t> lengths = block_lengths(tokens);
    std::map<VariantNumber, TokenSums> sums;
    for (const VariantNumber variant : inputs.variants) sums.emplace(variant, lengths);
    const MeasuredModel::Together together{windows, inputs.variants,
                                           [&](VariantNumber variant, const std::string& reason) {
                                             sums.erase(variant);
                                             inputs.on_failed(variant, reason);
                                           },
                                           inputs.on_step};
    inputs.model.compare_tokens(together, [&](VariantNumber variant, std::size_t, const std::vector<ComparedToken>& compared) {
      TokenSums& own = sums.at(variant);
      for (const ComparedToken& token : compared) own.add(token);
    });
    const std::string note = fmt::format(
        "{}, {} predicted tokens; ± of means and ratios from {} blocks of neighbouring tokens{} by formula, of quantiles by {} bootstrap draws of the blocks",
        text_.describe(windows.size()), std::accumulate(tokens.begin(), tokens.end(), std::int64_t{0}), lengths.size(),
        lengths.size() == windows.size() ? " (a window each)" : "", replicates_);
    for (const auto& [variant, own] : sums) inputs.on_measured(variant, {.metrics = metrics(own, lengths), .note = note});
  }

 private:
  std::vector<Metric> metrics(const TokenSums& sums, const std::vector<std::int64_t>& lengths) const {
    Figures figures;
    const auto count = static_cast<std::int64_t>(sums.divergences.size());
    const auto add = [&](std::string name, double value, double error, const char* unit, Better better) {
      Metric& metric = figures.add(std::move(name), value, unit, better);
      metric.count = count;
      if (!std::isnan(error)) metric.standard_error = error;
    };
    const auto mean_of = [&](const std::vector<double>& of_blocks) { return sum(of_blocks) / static_cast<double>(count); };
    add("kl_divergence", mean_of(sums.divergence), block_error_of_mean(sums.divergence, lengths), "nats", Better::kLower);
    add_quantiles("kl_divergence", kDivergenceQuantiles, sums.divergences, lengths, "nats", figures);
    add("same_top", mean_of(sums.same_top), block_error_of_mean(sums.same_top, lengths), "share", Better::kHigher);
    const double dense = std::exp(mean_of(sums.dense_loss)), variant = std::exp(mean_of(sums.variant_loss));
    const double change = mean_of(sums.loss_change), change_error = block_error_of_mean(sums.loss_change, lengths);
    add("perplexity_ratio", std::exp(change), std::exp(change) * change_error, "ratio", Better::kLower);
    add("log_perplexity_ratio", change, change_error, "nats", Better::kLower);
    add("log_perplexity_ratio_token_error", token_error(sums.loss_change_squares, change, count), std::nan(""), "nats", Better::kLower);
    add("perplexity", variant, variant * block_error_of_mean(sums.variant_loss, lengths), "perplexity", Better::kLower);
    add("perplexity_dense", dense, dense * block_error_of_mean(sums.dense_loss, lengths), "perplexity", Better::kLower);
    add("probability_change_rms", std::sqrt(sums.change_squares / static_cast<double>(count)), std::nan(""), "share", Better::kLower);
    add_quantiles("probability_change", kChangeQuantiles, sums.changes, lengths, "share", figures);
    return figures.take();
  }

  template <std::size_t N>
  void add_quantiles(const std::string& of, const NamedQuantile (&quantiles)[N], const std::vector<double>& values, const std::vector<std::int64_t>& lengths,
                     const char* unit, Figures& figures) const {
    std::vector<double> probabilities;
    for (const NamedQuantile& quantile : quantiles) probabilities.push_back(quantile.probability);
    const std::vector<double> errors = bootstrap_quantile_errors(values, lengths, probabilities, replicates_, seed_);
    for (std::size_t i = 0; i < N; ++i) {
      Metric& metric = figures.add(fmt::format("{}_{}", of, quantiles[i].name), quantile(values, probabilities[i]), unit,
                                   unit == std::string_view("nats") ? Better::kLower : Better::kHigher);
      metric.count = std::ssize(values);
      if (!std::isnan(errors[i])) metric.standard_error = errors[i];
    }
  }

  // As if tokens were independent, as llama-perplexity has it: to be compared with that program's, too small where neighbours are alike.
  static double token_error(double squares, double mean, std::int64_t count) {
    if (count < 2) return std::nan("");
    const auto n = static_cast<double>(count);
    return std::sqrt(std::max(0.0, squares / n - mean * mean) / (n - 1));
  }

  ComparedText text_;
  int replicates_;
  std::uint64_t seed_;
};

std::vector<Setting> settings() {
  std::vector<Setting> settings = ComparedText::settings();
  settings.push_back({.name = "replicates",
                      .types = {SettingType::kInteger},
                      .default_value = 500,
                      .summary = "bootstrap draws for the errors of quantiles",
                      .minimum = 2,
                      .maximum = 100000});
  settings.push_back({.name = "seed", .types = {SettingType::kInteger}, .default_value = 1234, .summary = "of those draws", .minimum = 0});
  return settings;
}

const Registration<Measurement> kRegistration{
    {.name = "divergence",
     .version = 1,
     .summary = "full-vocabulary KL divergence from the dense model, same top token, change of the true token's probability, ratio of perplexities with its "
                "paired error",
     .settings = settings(),
     .make = [](const Params& params) -> std::unique_ptr<Measurement> { return std::make_unique<Divergence>(params); }}};

}  // namespace
}  // namespace winnow
