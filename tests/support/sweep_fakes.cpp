#include "tests/support/sweep_fakes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "harness/core/statistics.h"

namespace winnow::test {
namespace {

class Letters : public Task {
 public:
  explicit Letters(const Params& params) : params_(params) {
    if (params.get<int>("limit") == 13) throw input_error("13 letters are too unlucky");
  }
  std::vector<DatasetPart> reads() const override { return {{"alphabet", "test"}}; }
  ExampleList examples(const TaskInputs& inputs) const override {
    inputs.datasets->read({"alphabet", "test"});
    return {
        static_cast<std::size_t>(params_.get<int>("limit")), [](std::size_t index) {
          Example example;
          example.record = {
              .leaf = "letters", .data_sha256 = "d1", .doc_id = static_cast<std::int64_t>(index), .doc_json = "{}", .doc_hash = "h", .target = "x", .gold = 0};
          example.group = std::to_string(index / 4);
          example.requests = {ScoreRequest{"letter " + std::to_string(index), " a"}, ScoreRequest{"letter " + std::to_string(index), " b"}};
          return example;
        }};
  }
  std::vector<Answer> grade(const Example& example, std::span<const Response> responses) const override {
    return {{.filter = "none",
             .values = {{"acc", responses[0].log_likelihood >= responses[1].log_likelihood}, {"id", static_cast<double>(example.record.doc_id)}}}};
  }
  std::vector<Metric> aggregate(std::span<const ScoredAnswer> answers) const override {
    std::vector<double> values, order;
    for (const ScoredAnswer& answer : answers) {
      values.push_back(answer.values.at("acc"));
      order.push_back(static_cast<double>(answer.doc_id));
    }
    WINNOW_CHECK(std::is_sorted(order.begin(), order.end()));
    return {{.name = "acc", .value = mean(values), .unit = "share", .count = static_cast<std::int64_t>(values.size())}};
  }

 private:
  Params params_;
};

const Registration<Task> kLetters{{
    .name = "letters",
    .version = 3,
    .summary = "for tests of the sweep room",
    .settings = {{.name = "limit", .types = {SettingType::kInteger}, .default_value = 10, .minimum = 1, .maximum = 100000},
                 {.name = "word", .types = {SettingType::kString}},
                 {.name = "until", .types = {SettingType::kObject}},
                 {.name = "max_length", .types = {SettingType::kInteger}}},
    .make = [](const Params& params) -> std::unique_ptr<Task> { return std::make_unique<Letters>(params); },
}};

}  // namespace

PrunerDeclarations fake_pruners() {
  PrunerDeclaration halve{.version = 2, .settings = {{.name = "seed", .types = {SettingType::kInteger}, .default_value = 1}}};
  halve.try_settings = [](const Json& settings) {
    if (settings["seed"] == 13) throw input_error("13 halves are too unlucky");
  };
  return {{"halve", halve}};
}

std::string letters_sweep(std::string_view tasks, std::string_view models, std::string_view variants) {
  return fmt::format("{{\"name\": \"test\",\n \"models\": {},\n \"variants\": {},\n \"tasks\": {}}}", models, variants, tasks);
}

const DatasetRows& FakeDatasets::read(const DatasetPart& part) {
  return parts_.try_emplace(part.dataset + part.split, DatasetRows{.sha256 = sha256, .edition = "upstream"}).first->second;
}

void FakeModel::answer(std::span<const Request> requests, const AnswerSettings&, const OnResponse& on_response) {
  for (std::size_t i = requests.size(); i-- > 0;) {  // backwards: nobody may count on the order
    if ((*answered_)++ == fail_at_) throw std::runtime_error("the logits of layer 1, position 7 are not finite");
    const std::string& context = std::get<ScoreRequest>(requests[i]).context;
    counters_.tokens_asked += 2;
    counters_.tokens_forwarded += 1;
    counters_.prefill_seconds += 0.5;
    if (on_response(i, {.log_likelihood = -static_cast<double>((context.size() * 7 + i * context.back()) % 5)}) == Continue::kNo) return;
  }
}

ModelIdentity FakeOpener::identify(const ModelSpec& model) {
  on_identify();
  if (!model.recorded.empty()) return {.content_sha256 = "recording", .is_recorded = true};
  return {.content_sha256 = content + model.name,
          .tokenizer_sha256 = "tokens",
          .tokenizer_fault = tokenizer_fault,
          .has_random_weights = random_weights,
          .engine_version = "7"};
}

void FakeOpener::check(const ModelSpec&, const VariantSpec& variant) {
  if (!unsupported.empty()) throw unsupported_error("{}", unsupported);
  if (!wrong.empty() && !variant.steps.empty()) throw input_error("{}", wrong);
}

OpenedModel FakeOpener::open(const ModelSpec&, const VariantSpec& variant) {
  ++opened;
  if (!cannot_open.empty()) throw std::runtime_error(cannot_open);
  if (!unsupported.empty()) throw unsupported_error("{}", unsupported);
  OpenedModel model;
  model.model = std::make_unique<FakeModel>(&answered, fail_at);
  model.seconds = {{"load", 2.0}};
  model.check_unchanged = [this] {
    if (!changed.empty()) throw std::runtime_error(changed);
  };
  if (!variant.steps.empty()) model.plan_json = "{\"plan\":1}";
  model.metrics = {{.name = "expert_sparsity", .value = variant.steps.empty() ? 0 : 0.5, .unit = "share"}};
  return model;
}

std::set<std::string> MemoryLog::finished_keys() {
  std::set<std::string> keys;
  for (const Kept& trial : trials) {
    if (trial.end && trial.end->status != TrialStatus::kFailed) keys.insert(trial.cell.key);
  }
  return keys;
}

TrialLog::OpenTrial MemoryLog::begin(const Cell& cell, const Json&) {
  if (cell.key == busy_key) return {};
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (trials[i].cell.key != cell.key || trials[i].end) continue;
    OpenTrial open{.id = static_cast<std::int64_t>(i) + 1, .seconds = trials[i].seconds};
    for (const RecordedAnswer& answer : trials[i].answers) open.answered.emplace(answer.example.leaf, answer.example.doc_id);
    return open;
  }
  trials.push_back({.cell = cell});
  return {.id = static_cast<std::int64_t>(trials.size())};
}

void MemoryLog::append(std::int64_t trial_id, std::span<const RecordedAnswer> answers, const std::map<std::string, double>& seconds) {
  if (full) throw std::runtime_error("disk full");
  Kept& trial = trials.at(trial_id - 1);
  trial.answers.insert(trial.answers.end(), answers.begin(), answers.end());
  trial.seconds = seconds;
  ++appends;
}

std::vector<ScoredAnswer> MemoryLog::answers(std::int64_t trial_id) {
  std::vector<ScoredAnswer> scored;
  for (const RecordedAnswer& recorded : trials.at(trial_id - 1).answers) {
    for (const Answer& answer : recorded.answers) scored.push_back({recorded.example.leaf, recorded.example.doc_id, answer.filter, answer.values});
  }
  return scored;
}

std::vector<ScoredAnswer> MemoryLog::answers_of_cell(const std::string& key) {
  for (std::size_t i = trials.size(); i-- > 0;) {
    if (trials[i].cell.key == key && trials[i].end && trials[i].end->status == TrialStatus::kOk) return answers(static_cast<std::int64_t>(i) + 1);
  }
  return {};
}

void MemoryLog::finish(std::int64_t trial_id, const TrialEnd& end) { trials.at(trial_id - 1).end = end; }
void MemoryLog::record_plan(std::int64_t trial_id, const std::string& plan_json) { trials.at(trial_id - 1).plan_json = plan_json; }

double metric_of(const TrialEnd& end, const std::string& name) {
  for (const Metric& metric : end.metrics) {
    if (metric.name == name && metric.leaf.empty()) return metric.value;
  }
  ADD_FAILURE() << "no metric " << name;
  return 0;
}

}  // namespace winnow::test
