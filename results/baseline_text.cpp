#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/statistics.h"
#include "results/baseline.h"
#include "results/compact_bits.h"
#include "results/text_formats.h"

namespace winnow {
namespace {

constexpr int kVersion = 1;

Json numbers_json(const std::map<std::string, double>& numbers) {
  Json object = Json::object();
  for (const auto& [name, value] : numbers) object[name] = value;
  return object;
}

Json exact_metric(const Metric& metric) {
  Json object = {{"name", metric.name}, {"filter", metric.filter}, {"unit", metric.unit}, {"higher_is_better", metric.higher_is_better}, {"n", metric.count}};
  if (!metric.leaf.empty()) object["leaf"] = metric.leaf;
  object["value"] = std::isfinite(metric.value) ? Json(metric.value) : Json(nullptr);
  if (metric.standard_error && std::isfinite(*metric.standard_error)) object["stderr"] = *metric.standard_error;
  return object;
}

Metric metric_from(const Json& object) {
  Metric metric{.name = object.at("name"), .filter = object.at("filter")};
  metric.unit = object.at("unit");
  metric.higher_is_better = object.at("higher_is_better");
  metric.count = object.at("n");
  metric.leaf = object.value("leaf", "");
  metric.value = object.at("value").is_null() ? kNoNumber : object.at("value").get<double>();
  if (object.contains("stderr")) metric.standard_error = object["stderr"].get<double>();
  return metric;
}

Json trial_json(const BaselineTrial& trial) {
  Json object = {{"task", trial.task}, {"metrics", Json::array()}, {"seconds", numbers_json(trial.seconds)}, {"right", Json::array()}};
  for (const Metric& metric : trial.metrics) object["metrics"].push_back(exact_metric(metric));
  for (const BaselineTrial::Right& right : trial.right) {
    object["right"].push_back(
        {{"name", right.name}, {"filter", right.filter}, {"count", std::ranges::count(right.bits, true)}, {"bits", base64(packed_bits(right.bits))}});
  }
  return object;
}

Json content_of(const Baseline& baseline) {
  Json content = {{"winnow_baseline", kVersion}, {"environment", baseline.environment}, {"tasks", Json::array()}, {"variants", Json::array()}};
  for (const BaselineTask& task : baseline.tasks) {
    content["tasks"].push_back({{"task", task.task},
                                {"label", task.label},
                                {"identity", task.identity},
                                {"examples", task.prompts.size()},
                                {"prompts_sha256", task.prompts_sha256},
                                {"prompts", base64(packed_ascending(task.prompts))}});
  }
  for (const BaselineVariant& variant : baseline.variants) {
    Json object = {{"model", variant.model},
                   {"variant", variant.variant},
                   {"model_identity", variant.model_identity},
                   {"steps", variant.steps},
                   {"trials", Json::array()}};
    for (const BaselineTrial& trial : variant.trials) object["trials"].push_back(trial_json(trial));
    content["variants"].push_back(std::move(object));
  }
  return content;
}

std::string text_of(const Json& value) { return value.dump(1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace); }

template <class Value>
Value required(std::optional<Value> value) {
  if (!value) throw std::invalid_argument("what is packed in it does not unpack");
  return std::move(*value);
}

BaselineTask task_from(const Json& object) {
  BaselineTask task{object.at("task"), object.at("label"), object.at("identity"), object.at("prompts_sha256"), {}};
  const std::string bytes = required(from_base64(object.at("prompts").get_ref<const std::string&>()));
  task.prompts = required(unpacked_ascending(bytes, object.at("examples").get<std::size_t>()));
  if (!task.identity.is_object()) throw std::invalid_argument("a task's identity is no object");
  return task;
}

BaselineTrial trial_from(const Json& object, const std::vector<BaselineTask>& tasks) {
  BaselineTrial trial{.task = object.at("task").get<std::size_t>()};
  if (trial.task >= tasks.size()) throw std::invalid_argument("a trial is of a task that is not there");
  for (const Json& metric : object.at("metrics")) trial.metrics.push_back(metric_from(metric));
  for (const auto& [name, value] : object.at("seconds").items()) trial.seconds[name] = value.get<double>();
  for (const Json& entry : object.at("right")) {
    const std::string bytes = required(from_base64(entry.at("bits").get_ref<const std::string&>()));
    trial.right.push_back({entry.at("name"), entry.at("filter"), required(unpacked_bits(bytes, tasks[trial.task].prompts.size()))});
  }
  return trial;
}

Baseline baseline_from(const Json& content) {
  Baseline baseline{.environment = content.at("environment")};
  for (const Json& task : content.at("tasks")) baseline.tasks.push_back(task_from(task));
  for (const Json& object : content.at("variants")) {
    BaselineVariant variant{object.at("model"), object.at("variant"), object.at("model_identity"), object.at("steps"), {}};
    for (const Json& trial : object.at("trials")) variant.trials.push_back(trial_from(trial, baseline.tasks));
    baseline.variants.push_back(std::move(variant));
  }
  return baseline;
}

}  // namespace

std::string baseline_text(const Baseline& baseline) {
  Json content = content_of(baseline);
  content["sha256"] = sha256_hex(text_of(content));
  return text_of(content) + "\n";
}

Baseline parse_baseline(std::string_view text, const std::string& source) {
  Json content = parse_json(text, source);
  if (!content.is_object() || !content.contains("winnow_baseline"))
    throw input_error("{}: this is no baseline; winnow gate --write-baseline writes one", source);
  if (content["winnow_baseline"] != kVersion) {
    throw input_error("{}: a baseline of version {}, but this Winnow reads version {}; write it again", source, content["winnow_baseline"].dump(), kVersion);
  }
  const Json digest = content.value("sha256", Json());
  content.erase("sha256");
  if (digest != sha256_hex(text_of(content)))
    throw input_error("{}: the baseline was changed or cut since it was written (its sha256 differs); write it again", source);
  try {
    return baseline_from(content);
  } catch (const nlohmann::json::exception&) {
    throw input_error("{}: a part of the baseline is missing or of another kind; write it again", source);
  } catch (const std::invalid_argument& fault) {
    throw input_error("{}: {}; write the baseline again", source, fault.what());
  }
}

}  // namespace winnow
