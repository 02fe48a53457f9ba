#include "tasks/shared/gsm8k_task.h"

#include "harness/core/unicode.h"
#include "tasks/shared/aggregation.h"
#include "tasks/shared/answer_filters.h"
#include "tasks/shared/documents.h"

namespace winnow {
namespace {

constexpr const char* kStrict = "strict-match";
constexpr const char* kFlexible = "flexible-extract";

class Gsm8kTask : public Task {
 public:
  Gsm8kTask(const Gsm8kForm& form, const Params& params)
      : form_(form),
        settings_(common_settings(params)),
        until_(params.get<std::vector<std::string>>("stop_strings")),
        max_new_tokens_(params.get<int>("max_new_tokens")) {
    for (const std::string& stop : until_) {
      if (stop.empty()) throw input_error("task {}: \"stop_strings\" holds an empty string; every text begins with it", form_.name);
    }
  }

  std::vector<DatasetPart> reads() const override {
    std::vector<DatasetPart> parts = {{settings_.dataset, settings_.split}};
    if (draws_shots() && settings_.split != "train") parts.push_back({settings_.dataset, "train"});
    return parts;
  }

  void check(DatasetSource& datasets) const override { examples({.datasets = &datasets}).make(0); }

  ExampleList examples(const TaskInputs& inputs) const override {
    const DatasetRows& test = inputs.datasets->read({settings_.dataset, settings_.split});
    const std::size_t count = settings_.limited(test.rows.size());
    const std::map<std::string, std::int64_t> documents = {{form_.name, std::ssize(test.rows)}};
    if (!draws_shots()) {
      const Shots shots = first_shots(form_.fixed_shots.size(), form_.name + "'s fixed list", settings_.shots);
      return {count, [this, &test, shots](std::size_t index) { return example(test, index, shots, fixed(shots)); }, documents};
    }
    const DatasetRows& train = inputs.datasets->read({settings_.dataset, "train"});
    const ShotPool pool{&train.rows, fmt::format("{} train", settings_.dataset), settings_.split == "train"};
    return {count,
            [this, &test, &train, draws = draw_shots(pool, test.rows, count, settings_.shots, settings_.seed)](std::size_t index) {
              const Shots& shots = draws.at(index);
              return example(test, index, shots, solved(train, shots));
            },
            documents};
  }

  std::vector<Answer> grade(const Example& example, std::span<const Response> responses) const override {
    const Response& response = responses.front();
    const std::string_view reply = cut_at_stop_strings(response.text, until_);  // recorded replies come whole
    const std::string gold = normalised_number(example.record.target);
    const auto answer = [&](const char* filter, std::string found) {
      const bool right = normalised_number(found) == gold;
      return Answer{filter,
                    std::move(found),
                    {{"exact_match", right ? 1.0 : 0.0},
                     {"prompt_truncated", response.prompt_truncated ? 1.0 : 0.0},
                     {"reply_truncated", response.reply_truncated ? 1.0 : 0.0}}};
    };
    return {answer(kStrict, form_.extract_strict(reply)), answer(kFlexible, extract_last_number(reply))};
  }

  std::vector<Metric> aggregate(std::span<const ScoredAnswer> answers) const override {
    if (answers.empty()) return {};
    std::vector<Metric> metrics;
    for (const char* filter : {kStrict, kFlexible}) metrics.push_back(mean_metric("exact_match", filter, values_of(answers, "exact_match", filter)));
    metrics.push_back(count_metric("prompts_truncated", "prompt_truncated", answers));
    metrics.push_back(count_metric("replies_truncated", "reply_truncated", answers));
    return metrics;
  }

 private:
  bool draws_shots() const { return settings_.shots > 0 && form_.fixed_shots.empty(); }

  std::string question(const OrderedJson& row) const { return form_.before_question + text_of(row, "question", settings_.dataset) + form_.after_question; }

  std::string target(const OrderedJson& row) const {
    const std::string& answer = text_of(row, "answer", settings_.dataset);
    if (form_.target == Gsm8kForm::Target::kWholeAnswer) return answer;
    std::string_view after = answer;  // the last part of Python's split("####"), which cuts "#####" after its fourth
    for (std::size_t mark; (mark = after.find("####")) != std::string_view::npos;) after.remove_prefix(mark + 4);
    return std::string(strip(after));
  }

  std::vector<SolvedExample> fixed(const Shots& shots) const {
    std::vector<SolvedExample> solved(form_.fixed_shots.begin(), form_.fixed_shots.begin() + static_cast<std::ptrdiff_t>(shots.size()));
    for (SolvedExample& shot : solved) shot.question = form_.before_question + shot.question + form_.after_question;
    return solved;
  }

  std::vector<SolvedExample> solved(const DatasetRows& train, const Shots& shots) const {
    std::vector<SolvedExample> solved;
    for (const std::int64_t shot : shots) {
      const OrderedJson& row = train.rows.at(static_cast<std::size_t>(shot));
      solved.push_back({question(row), target(row)});
    }
    return solved;
  }

  Example example(const DatasetRows& test, std::size_t index, const Shots& shots, const std::vector<SolvedExample>& solved) const {
    const OrderedJson& row = test.rows.at(index);
    Example example;
    example.record = record_of(form_.name, test, index, target(row));
    if (!form_.fixed_shots.empty() && !shots.empty()) example.group = form_.name;
    example.shots = shots;
    GenerateRequest request{.context = assemble_prompt("", solved, question(row)), .until = until_, .max_new_tokens = max_new_tokens_};
    example.requests.emplace_back(std::in_place_type<GenerateRequest>, std::move(request));
    return example;
  }

  Gsm8kForm form_;
  CommonSettings settings_;
  std::vector<std::string> until_;
  int max_new_tokens_;
};

}  // namespace

std::vector<Setting> gsm8k_settings(const Gsm8kForm& form, const TaskDefaults& defaults) {
  return with_common_settings(defaults, {{.name = "max_new_tokens",
                                          .types = {SettingType::kInteger},
                                          .default_value = 256,
                                          .summary = "longest reply, in tokens",
                                          .minimum = 1,
                                          .maximum = 1 << 20},
                                         {.name = "stop_strings",
                                          .types = {SettingType::kStringList},
                                          .default_value = form.until,
                                          .summary = "texts at which a reply ends, beside the end-of-sequence token"}});
}

std::unique_ptr<Task> make_gsm8k_task(const Gsm8kForm& form, const Params& params) { return std::make_unique<Gsm8kTask>(form, params); }

}  // namespace winnow
