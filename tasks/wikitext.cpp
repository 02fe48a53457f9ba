#include <cmath>
#include <memory>
#include <numbers>
#include <numeric>

#include "harness/api/task.h"
#include "tasks/shared/aggregation.h"
#include "tasks/shared/common_settings.h"
#include "tasks/shared/documents.h"
#include "tasks/shared/wikitext_pages.h"

namespace winnow {
namespace {

// lm-eval's wikitext, version 2: log-likelihood of whole detokenised pages over rolling windows, per word and byte of the pages as they were.
class Wikitext : public Task {
 public:
  explicit Wikitext(const Params& params) : settings_(common_settings(params)) {}

  std::vector<DatasetPart> reads() const override { return {{settings_.dataset, settings_.split}}; }

  void check(DatasetSource& datasets) const override {
    const ExampleList list = examples({.datasets = &datasets});
    if (list.count == 0) throw input_error("task wikitext: data set {} {} has no pages", settings_.dataset, settings_.split);
  }

  ExampleList examples(const TaskInputs& inputs) const override {
    const DatasetRows& rows = inputs.datasets->read({settings_.dataset, settings_.split});
    std::string file;
    for (const OrderedJson& row : rows.rows) file += text_of(row, "line", settings_.dataset);
    auto pages = std::make_shared<const std::vector<std::string>>(cut_pages(file));
    return {settings_.limited(pages->size()),
            [&rows, pages](std::size_t index) {
              const std::string& page = pages->at(index);
              Example example;
              example.record = record_of("wikitext", rows, index, OrderedJson{{"page", page}}, detokenise(page));
              example.requests.push_back(RollingRequest{example.record.target});
              return example;
            },
            {{"wikitext", std::ssize(*pages)}}};
  }

  std::vector<Answer> grade(const Example& example, std::span<const Response> responses) const override {
    const std::string page = OrderedJson::parse(example.record.doc_json).at("page").get<std::string>();
    Answer answer;
    answer.values = {
        {"log_likelihood", responses.front().log_likelihood}, {"words", static_cast<double>(count_words(page))}, {"bytes", static_cast<double>(page.size())}};
    return {answer};
  }

  std::vector<Metric> aggregate(std::span<const ScoredAnswer> answers) const override {
    if (answers.empty()) return {};
    const auto sum = [&](const char* value) {
      const std::vector<double> values = values_of(answers, value);
      return std::accumulate(values.begin(), values.end(), 0.0);
    };
    const double log_likelihood = sum("log_likelihood"), words = sum("words"), bytes = sum("bytes");
    const auto metric = [&](const char* name, double value, const char* unit) {
      Metric metric;
      metric.name = name;
      metric.value = value;
      metric.unit = unit;
      metric.higher_is_better = false;
      metric.count = static_cast<std::int64_t>(answers.size());
      return metric;
    };
    return {metric("word_perplexity", std::exp(-(log_likelihood / words)), "perplexity"),
            metric("byte_perplexity", std::exp(-(log_likelihood / bytes)), "perplexity"),
            metric("bits_per_byte", -(log_likelihood / bytes) / std::numbers::ln2, "bits")};
  }

 private:
  CommonSettings settings_;
};

const Registration<Task> kRegistration{{.name = "wikitext",
                                        .version = 2,
                                        .summary = "WikiText-2 pages over rolling windows (word_perplexity, byte_perplexity, bits_per_byte)",
                                        .settings = with_common_settings({.shots = 0, .most_shots = 0, .split = "test", .dataset = "wikitext2"}, {}),
                                        .make = [](const Params& params) -> std::unique_ptr<Task> { return std::make_unique<Wikitext>(params); }}};

}  // namespace
}  // namespace winnow
