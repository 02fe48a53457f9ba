#include <cmath>
#include <memory>

#include "harness/api/task.h"
#include "tasks/shared/aggregation.h"
#include "tasks/shared/common_settings.h"
#include "tasks/shared/documents.h"
#include "tasks/shared/token_windows.h"

namespace winnow {
namespace {

// Token perplexity over fixed windows (shared/token_windows.h): exp of the mean over windows of their mean cross-entropy.
class Perplexity : public Task {
 public:
  explicit Perplexity(const Params& params)
      : settings_(common_settings(params)), windows_(read_window_settings("perplexity", params, settings_.dataset, settings_.split)) {
    settings_.split = windows_.split;
  }

  std::vector<DatasetPart> reads() const override { return {{settings_.dataset, settings_.split}}; }
  bool needs_tokenizer() const override { return true; }

  void check(DatasetSource& datasets) const override {
    const DatasetRows& rows = datasets.read({settings_.dataset, settings_.split});
    text_of(rows.rows.front(), "text", settings_.dataset);
  }

  ExampleList examples(const TaskInputs& inputs) const override {
    if (!inputs.encode) throw unsupported_error("task perplexity: the model has no tokenizer, and windows are made of token ids");
    const DatasetRows& rows = inputs.datasets->read({settings_.dataset, settings_.split});
    const auto stream = std::make_shared<TokenStream>(token_stream(windows_, rows, inputs.encode, inputs.bos_id));
    const std::size_t windows = stream->windows(windows_.window);
    return {settings_.limited(windows), [this, &rows, stream](std::size_t index) { return example(rows, *stream, index); }};
  }

  std::vector<Answer> grade(const Example& example, std::span<const Response> responses) const override {
    const auto scored = std::get<TokensRequest>(example.requests.front()).continuation.size();
    Answer answer;
    answer.values = {{"log_likelihood", responses.front().log_likelihood}, {"tokens", static_cast<double>(scored)}};
    return {answer};
  }

  std::vector<Metric> aggregate(std::span<const ScoredAnswer> answers) const override {
    if (answers.empty()) return {};
    const std::vector<double> log_likelihoods = values_of(answers, "log_likelihood"), tokens = values_of(answers, "tokens");
    double sum = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) sum -= log_likelihoods[i] / tokens[i];
    Metric metric;
    metric.name = name();
    metric.value = std::exp(sum / static_cast<double>(tokens.size()));
    metric.unit = "perplexity";
    metric.higher_is_better = false;
    metric.count = static_cast<std::int64_t>(tokens.size());
    return {metric};
  }

 private:
  std::string name() const { return fmt::format("{}_ppl_{}", settings_.dataset, windows_.window); }

  Example example(const DatasetRows& rows, const TokenStream& stream, std::size_t index) const {
    const std::vector<std::int32_t> ids = stream.window(index, windows_.window);
    const auto first_predicted = ids.begin() + static_cast<std::ptrdiff_t>(windows_.first_predicted());
    TokensRequest request{.context = {ids.begin(), first_predicted}, .continuation = {first_predicted, ids.end()}};

    OrderedJson document;  // independent of the tokenizer: examples are shared by all models
    document["dataset"] = settings_.dataset;
    document["split"] = settings_.split;
    document["text_sha256"] = stream.text_sha256;
    document["method"] = windows_.method;
    document["window"] = windows_.window;
    document["index"] = index;
    Example example;
    example.record = record_of(fmt::format("{}{}", name(), windows_.half() ? "_half_window" : ""), rows, index, document, "");
    example.requests.push_back(std::move(request));
    return example;
  }

  CommonSettings settings_;
  WindowSettings windows_;
};

std::vector<Setting> settings() {
  std::vector<Setting> settings = with_common_settings({.shots = 0, .most_shots = 0, .split = "", .dataset = "wikitext2"}, window_settings());
  for (Setting& setting : settings) {
    if (setting.name == "split") setting.summary += "; its first one unless given";
  }
  return settings;
}

const Registration<Task> kRegistration{{.name = "perplexity",
                                        .version = 1,
                                        .summary = "token perplexity over fixed windows (<dataset>_ppl_<window>)",
                                        .settings = settings(),
                                        .make = [](const Params& params) -> std::unique_ptr<Task> { return std::make_unique<Perplexity>(params); }}};

}  // namespace
}  // namespace winnow
