#include <algorithm>
#include <array>
#include <memory>

#include "harness/api/task.h"
#include "tasks/shared/aggregation.h"
#include "tasks/shared/common_settings.h"

namespace winnow {
namespace {

// The columns of Lu et al. (2024), Tables 1 and 2: MMLU is one of the eight, PIQA is not.
constexpr std::array kMembers = {"arc_challenge", "arc_easy", "boolq", "hellaswag", "mmlu", "openbookqa", "rte", "winogrande"};

// The unweighted mean of the eight tasks' acc; their own metrics are its leaves. What is set for it is set for each of them.
class LuAverage : public Task {
 public:
  explicit LuAverage(const Params& params) {
    for (const char* name : kMembers) members_.push_back({name, Registry<Task>::instance().make(name, params.as_json())});
  }

  std::vector<DatasetPart> reads() const override {
    std::vector<DatasetPart> parts;
    for (const Member& member : members_) {
      const std::vector<DatasetPart> of_member = member.task->reads();
      parts.insert(parts.end(), of_member.begin(), of_member.end());
    }
    return parts;
  }

  void check(DatasetSource& datasets) const override {
    for (const Member& member : members_) member.task->check(datasets);
  }

  ExampleList examples(const TaskInputs& inputs) const override {
    struct Part {
      std::size_t first;  // index of its first example
      ExampleList list;
    };
    std::vector<Part> parts;
    std::size_t count = 0;
    std::map<std::string, std::int64_t> documents;
    for (const Member& member : members_) {
      parts.push_back({count, member.task->examples(inputs)});
      count += parts.back().list.count;
      documents.insert(parts.back().list.documents.begin(), parts.back().list.documents.end());
    }
    return {count,
            [parts = std::move(parts)](std::size_t index) {
              const auto after = std::upper_bound(parts.begin(), parts.end(), index, [](std::size_t i, const Part& part) { return i < part.first; });
              return std::prev(after)->list.make(index - std::prev(after)->first);
            },
            documents};
  }

  std::vector<Answer> grade(const Example& example, std::span<const Response> responses) const override {
    const auto member = std::ranges::find_if(members_, [&](const Member& candidate) { return candidate.has(example.record.leaf); });
    WINNOW_CHECK(member != members_.end());
    return member->task->grade(example, responses);
  }

  // Before all answers are there, the mean is over the tasks that have some.
  std::vector<Metric> aggregate(std::span<const ScoredAnswer> answers) const override {
    if (answers.empty()) return {};
    std::vector<Metric> headlines, leaves;
    for (const Member& member : members_) {
      std::vector<ScoredAnswer> of_member;
      std::ranges::copy_if(answers, std::back_inserter(of_member), [&](const ScoredAnswer& answer) { return member.has(answer.leaf); });
      for (Metric& metric : member.task->aggregate(of_member)) {
        if (metric.unit == "examples") continue;  // counted over all answers below
        if (metric.leaf.empty()) {
          metric.leaf = member.name;
          metric.parent = "lu_average";
        }
        if (metric.leaf == member.name && metric.name == "acc") headlines.push_back(metric);
        leaves.push_back(std::move(metric));
      }
    }
    std::vector<Metric> metrics = {unweighted_metric(headlines)};
    metrics.front().leaf = metrics.front().parent = "";
    metrics.insert(metrics.end(), leaves.begin(), leaves.end());
    metrics.push_back(count_metric("ties", "tied", answers));
    metrics.push_back(count_metric("prompts_truncated", "prompt_truncated", answers));
    return metrics;
  }

 private:
  struct Member {
    std::string name;
    std::unique_ptr<Task> task;

    bool has(const std::string& leaf) const { return leaf == name || leaf.starts_with(name + "_"); }  // mmlu_anatomy
  };
  std::vector<Member> members_;
};

const Registration<Task> kRegistration{
    {.name = "lu_average",
     .version = 1,
     .summary = "Lu et al.'s average: the unweighted mean acc of ARC, BoolQ, HellaSwag, MMLU, OpenBookQA, RTE and WinoGrande, 0 shots",
     .settings = with_common_settings({.shots = 0, .split = "", .profiles = {kProfileHead, kProfile0491, kProfile2023December}}, {}),
     .make = [](const Params& params) -> std::unique_ptr<Task> { return std::make_unique<LuAverage>(params); }}};

}  // namespace
}  // namespace winnow
