#include <cmath>
#include <memory>

#include "harness/api/task.h"
#include "harness/core/digest.h"
#include "tasks/shared/aggregation.h"
#include "tasks/shared/common_settings.h"
#include "tasks/shared/documents.h"

namespace winnow {
namespace {

constexpr const char* kHalfWindow = "half_window";

// Token perplexity over fixed windows.
// full: the pruning papers' (SparseGPT, Wanda, OWL): rows joined by a blank line and encoded once, windows that do not overlap, every position but the first
// scored; exp of the mean over windows of their mean cross-entropy.
// half_window: llama-perplexity's: the file as it stands, the first token of each window replaced by BOS, only the second half scored.
class Perplexity : public Task {
 public:
  explicit Perplexity(const Params& params)
      : settings_(common_settings(params)),
        window_(params.get<std::size_t>("window")),
        bos_(params.find<std::string>("bos")),
        method_(params.get<std::string>("method")) {
    if (const auto add_bos = params.find<bool>("add_bos")) {
      const std::string said = *add_bos ? "once" : "none";
      if (bos_ && *bos_ != said) throw input_error("task perplexity: \"bos\" is \"{}\" and \"add_bos\" is {}, which contradict each other", *bos_, *add_bos);
      bos_ = said;
    }
    if (settings_.split.empty()) settings_.split = Registry<Dataset>::instance().make(settings_.dataset)->splits().front();
    const auto length = params.find<std::int64_t>("max_length");
    if (length && *length < static_cast<std::int64_t>(window_)) {
      throw input_error("task perplexity: \"window\" {} is longer than \"max_length\" {}; a window must fit into the context", window_, *length);
    }
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
    const std::string text = half() ? whole_file(rows) : joined_rows(rows);
    auto stream = std::make_shared<Stream>();
    stream->text_sha256 = sha256_hex(text);
    stream->ids = inputs.encode(text);
    place_bos(stream->ids, inputs.bos_id);
    if (half() && inputs.bos_id && !stream->ids.empty() && stream->ids.front() == *inputs.bos_id) stream->first_id = inputs.bos_id;
    const std::size_t windows = stream->ids.size() / window_;
    if (windows == 0) {
      throw input_error("task perplexity: data set {} {} has {} tokens, less than one window of {}; lower \"window\"", settings_.dataset, settings_.split,
                        stream->ids.size(), window_);
    }
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
  struct Stream {
    std::vector<std::int32_t> ids;
    std::optional<std::int32_t> first_id;  // stands in the place of every window's first token
    std::string text_sha256;
  };

  bool half() const { return method_ == kHalfWindow; }
  std::string name() const { return fmt::format("{}_ppl_{}", settings_.dataset, window_); }

  std::string joined_rows(const DatasetRows& rows) const {
    std::string text;
    for (const OrderedJson& row : rows.rows) {
      if (&row != &rows.rows.front()) text += "\n\n";
      text += text_of(row, "text", settings_.dataset);
    }
    return text;
  }

  std::string whole_file(const DatasetRows& rows) const {
    if (!rows.rows.empty() && !rows.rows.front().contains("line")) return joined_rows(rows);  // a set of documents, no text file
    std::string text;
    for (const OrderedJson& row : rows.rows) text += text_of(row, "line", settings_.dataset);
    return text;
  }

  // "once": BOS at the very start; "none": no BOS; absent: as the tokenizer has it.
  void place_bos(std::vector<std::int32_t>& ids, std::optional<std::int32_t> bos_id) const {
    const bool has_bos = bos_id && !ids.empty() && ids.front() == *bos_id;
    if (bos_ == "once" && !bos_id) throw unsupported_error("task perplexity: \"bos\" is \"once\", but the model's tokenizer has no BOS token; use \"none\"");
    if (bos_ == "once" && !has_bos) ids.insert(ids.begin(), *bos_id);
    if (bos_ == "none" && has_bos) ids.erase(ids.begin());
  }

  Example example(const DatasetRows& rows, const Stream& stream, std::size_t index) const {
    const auto begin = stream.ids.begin() + static_cast<std::ptrdiff_t>(index * window_);
    const std::size_t known = half() ? window_ / 2 + 1 : 1;  // tokens that are context only
    TokensRequest request;
    request.context.assign(begin, begin + static_cast<std::ptrdiff_t>(known));
    request.continuation.assign(begin + static_cast<std::ptrdiff_t>(known), begin + static_cast<std::ptrdiff_t>(window_));
    if (stream.first_id) request.context.front() = *stream.first_id;

    OrderedJson document;  // independent of the tokenizer: examples are shared by all models
    document["dataset"] = settings_.dataset;
    document["split"] = settings_.split;
    document["text_sha256"] = stream.text_sha256;
    document["method"] = method_;
    document["window"] = window_;
    document["index"] = index;
    Example example;
    example.record = record_of(fmt::format("{}{}", name(), half() ? "_half_window" : ""), rows, index, document, "");
    example.requests.push_back(std::move(request));
    return example;
  }

  CommonSettings settings_;
  std::size_t window_;
  std::optional<std::string> bos_;
  std::string method_;
};

std::vector<Setting> settings() {
  std::vector<Setting> settings = with_common_settings(
      {.shots = 0, .most_shots = 0, .split = "", .dataset = "wikitext2"},
      {{.name = "window", .types = {SettingType::kInteger}, .default_value = 2048, .summary = "tokens of a window", .minimum = 4, .maximum = 1 << 20},
       {.name = "bos",
        .types = {SettingType::kString},
        .summary = "BOS once at the very start of the text, or none; the tokenizer's own rule unless given",
        .choices = {"once", "none"}},
       {.name = "method",
        .types = {SettingType::kString},
        .default_value = "full",
        .summary = "full: all positions but the first (the pruning papers); half_window: the second half (llama-perplexity)",
        .choices = {"full", kHalfWindow}}});
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
