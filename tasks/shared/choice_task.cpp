#include "tasks/shared/choice_task.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "harness/api/named_file.h"
#include "tasks/shared/aggregation.h"
#include "tasks/shared/documents.h"
#include "tasks/shared/few_shot.h"
#include "tasks/shared/multiple_choice.h"

namespace winnow {
namespace {

class ChoiceTask : public Task {
 public:
  ChoiceTask(const ChoiceForm& form, const Params& params)
      : form_(form), settings_(common_settings(params)), shots_file_(params.find<std::string>("shots_file")) {}

  std::vector<DatasetPart> reads() const override {
    std::vector<DatasetPart> parts = {{settings_.dataset, settings_.split}};
    if (settings_.shots > 0 && pool_split() != settings_.split) parts.push_back({settings_.dataset, pool_split()});
    return parts;
  }

  void check(DatasetSource& datasets) const override { examples({.datasets = &datasets}).make(0); }

  ExampleList examples(const TaskInputs& inputs) const override {
    const DatasetRows& rows = inputs.datasets->read({settings_.dataset, settings_.split});
    const DatasetRows* pool = settings_.shots > 0 ? &inputs.datasets->read({settings_.dataset, pool_split()}) : nullptr;
    const std::size_t count = settings_.limited(rows.rows.size());
    return {count,
            [this, &rows, pool, draws = draw(rows.rows, count, pool)](std::size_t index) {
              return example(rows, draws.documents.at(index), draws.shots.at(index), pool);
            },
            {{form_.name, std::ssize(rows.rows)}}};
  }

  std::vector<Answer> grade(const Example& example, std::span<const Response> responses) const override {
    std::vector<Request> requests(example.requests);
    std::vector<Response> listed(responses.begin(), responses.end());
    std::int64_t gold = example.record.gold.value();
    if (is_reversed()) {  // the last of equals is the first as listed
      std::ranges::reverse(requests);
      std::ranges::reverse(listed);
      gold = std::ssize(listed) - 1 - gold;
    }
    Answer answer = grade_choices(gold, listed);
    if (form_.norm == ChoiceForm::Norm::kCodePoints) answer.values["acc_norm"] = acc_norm(gold, requests, listed);
    return {answer};
  }

  std::vector<Metric> aggregate(std::span<const ScoredAnswer> answers) const override {
    if (answers.empty()) return {};
    std::vector<Metric> metrics = {mean_metric("acc", "none", values_of(answers, "acc"))};
    if (form_.norm == ChoiceForm::Norm::kCodePoints) metrics.push_back(mean_metric("acc_norm", "none", values_of(answers, "acc_norm")));
    metrics.push_back(count_metric("ties", "tied", answers));
    metrics.push_back(count_metric("prompts_truncated", "prompt_truncated", answers));
    return metrics;
  }

 private:
  std::string pool_split() const { return shots_file_ ? split_of_file(*shots_file_) : form_.pool_split; }

  bool is_reversed() const { return settings_.profile == kProfile2023July && form_.old_order == ChoiceForm::OldOrder::kReversed; }

  // Rows to evaluate in order, with the shots of each.
  ShuffledDraws draw(const std::vector<OrderedJson>& rows, std::size_t count, const DatasetRows* pool) const {
    const std::string pool_name = fmt::format("{} {}", settings_.dataset, shots_file_.value_or(form_.pool_split));
    if (settings_.profile == kProfile2023July) return shuffle_and_draw(rows.size(), count, pool == nullptr ? 0 : pool->rows.size(), pool_name, settings_.shots);
    ShuffledDraws draws{std::vector<std::size_t>(count), std::vector<Shots>(count)};
    std::iota(draws.documents.begin(), draws.documents.end(), std::size_t{0});
    if (pool == nullptr) return draws;
    ShotPool shots{&pool->rows, pool_name, form_.draw == ChoiceForm::Draw::kOneMore || pool_split() == settings_.split};
    if (settings_.profile != kProfileHead) shots.when_short = ShotPool::WhenShort::kKeepFewer;
    draws.shots = draw_shots(shots, rows, count, settings_.shots, settings_.seed);
    return draws;
  }

  OrderedJson document(const OrderedJson& row) const { return form_.prepare == nullptr ? row : form_.prepare(row, settings_.dataset); }

  ChoiceQuestion question(const OrderedJson& document) const {
    ChoiceQuestion question = form_.read(ChoiceDocument(document, settings_.dataset));
    if (question.gold < 0 || question.gold >= static_cast<std::int64_t>(question.choices.size())) {
      throw input_error("data set {}: a row of it names choice {} as the right one of {}; expected an index from 0", settings_.dataset, question.gold,
                        question.choices.size());
    }
    if (is_reversed()) {
      std::ranges::reverse(question.choices);
      question.gold = std::ssize(question.choices) - 1 - question.gold;
    }
    if (settings_.profile == kProfile2023July) question.target = " " + question.choices[static_cast<std::size_t>(question.gold)];
    return question;
  }

  std::vector<SolvedExample> solved(const DatasetRows& pool, const Shots& shots) const {
    std::vector<SolvedExample> solved;
    for (const std::int64_t row : shots) {
      const ChoiceQuestion shot = question(document(pool.rows.at(static_cast<std::size_t>(row))));
      const auto gold = static_cast<std::size_t>(shot.gold);
      if (shot.contexts.size() == 1) {
        solved.push_back({shot.contexts[0], shot.choices[gold]});
        continue;
      }
      // The answer is a text there, not an index, and lm-eval of today puts nothing behind a question whose answer is the empty text.
      const bool stands_alone = shot.choices[gold].empty() && settings_.profile != kProfile2023July;
      solved.push_back({shot.contexts.at(gold), stands_alone ? std::nullopt : std::optional(shot.choices[gold])});
    }
    return solved;
  }

  Example example(const DatasetRows& rows, std::size_t row, const Shots& shots, const DatasetRows* pool) const {
    const OrderedJson document = this->document(rows.rows.at(row));
    const ChoiceQuestion asked = question(document);
    // December 2023: shots are drawn for choices with contexts of their own, and then lost.
    const bool are_lost = settings_.profile == kProfile2023December && asked.contexts.size() > 1;
    Example example;
    example.record = record_of(form_.name, rows, row, document, asked.target.value_or(std::to_string(asked.gold)));
    example.record.gold = asked.gold;
    example.shots = shots;
    std::vector<SolvedExample> before;
    if (pool != nullptr && !are_lost) before = solved(*pool, shots);
    std::vector<std::string> contexts;
    for (const std::string& context : asked.contexts) contexts.push_back(assemble_prompt("", before, context));
    example.requests = choice_requests(contexts, asked.choices);
    return example;
  }

  ChoiceForm form_;
  CommonSettings settings_;
  std::optional<std::string> shots_file_;
};

}  // namespace

Error ChoiceDocument::other_format(std::string_view key, std::string_view expected) const {
  return input_error("data set {}: its rows have no {} \"{}\", which this task reads; name a data set of the task's format", dataset_, expected, key);
}

const std::string& ChoiceDocument::text(std::string_view key) const { return text_of(document_, key, dataset_); }

std::int64_t ChoiceDocument::integer(std::string_view key) const {
  const auto position = document_.find(key);
  if (position == document_.end() || !position->is_number_integer()) throw other_format(key, "integer");
  return position->get<std::int64_t>();
}

std::vector<std::string> ChoiceDocument::texts(std::string_view key) const {
  const auto position = document_.find(key);
  const auto is_text = [](const OrderedJson& value) { return value.is_string(); };
  if (position == document_.end() || !position->is_array() || !std::all_of(position->begin(), position->end(), is_text))
    throw other_format(key, "list of texts");
  return position->get<std::vector<std::string>>();
}

ChoiceQuestion ChoiceDocument::labelled_choices(std::string context) const {
  const auto choices = document_.find("choices");
  if (choices == document_.end() || !choices->is_object()) throw other_format("choices", "object");
  const ChoiceDocument lists(*choices, dataset_);
  const std::vector<std::string> labels = lists.texts("label");
  const auto right = std::find(labels.begin(), labels.end(), text("answerKey"));
  return {.contexts = {std::move(context)}, .choices = lists.texts("text"), .gold = right - labels.begin()};
}

std::vector<Setting> choice_settings(const ChoiceForm& form) {
  return with_common_settings(
      {.shots = 0, .split = form.split, .dataset = form.name, .profiles = {kProfileHead, kProfile0491, kProfile2023December, kProfile2023July}},
      {{.name = "shots_file",
        .types = {SettingType::kString},
        .summary = "file to draw shots from, in the data set's format (its train split, say): a path below the data folder, or an absolute one; the " +
                   form.pool_split + " split unless given"}});
}

std::unique_ptr<Task> make_choice_task(const ChoiceForm& form, const Params& params) { return std::make_unique<ChoiceTask>(form, params); }

}  // namespace winnow
