#include "tasks/shared/compared_text.h"

#include <algorithm>
#include <array>
#include <set>

#include "tasks/shared/documents.h"

namespace winnow {
namespace {

constexpr std::size_t kDefaultMaxLength = 2048;  // where neither the settings nor the model name one

// What a model reads before it answers; ids where the task has them.
struct Prompt {
  std::string text;
  std::vector<std::int32_t> ids;
  std::size_t first_predicted = 1;
};

Prompt prompt_of(const Request& request) {
  if (const auto* score = std::get_if<ScoreRequest>(&request)) return {.text = score->context};
  if (const auto* generate = std::get_if<GenerateRequest>(&request)) return {.text = generate->context};
  if (const auto* rolling = std::get_if<RollingRequest>(&request)) return {.text = rolling->text};
  const auto& tokens = std::get<TokensRequest>(request);
  Prompt prompt{.text = {}, .ids = tokens.context, .first_predicted = tokens.context.size()};
  prompt.ids.insert(prompt.ids.end(), tokens.continuation.begin(), tokens.continuation.end());
  return prompt;
}

void refuse_what_prompts_do_not_have(std::string_view task, const Params& params, const Json& of_task) {
  constexpr std::array kOfText{"dataset", "split", "window", "bos", "method"};
  for (const Setting& setting : ComparedText::settings()) {  // defaults are filled in by now
    if (std::ranges::find(kOfText, setting.name) == kOfText.end() || params.as_json().value(setting.name, Json()) == setting.default_value) continue;
    throw input_error("task {}: \"{}\" is of a data set's text, and \"prompts_of\" names a task; leave one of them out", task, setting.name);
  }
  for (const char* name : {"add_bos", "max_length", "until"}) {
    if (of_task.contains(name))
      throw input_error("task {}: \"prompt_settings\" has \"{}\", which says how a task is answered; here its prompts are only read, so leave it out", task,
                        name);
  }
}

}  // namespace

std::vector<Setting> ComparedText::settings() {
  std::vector<Setting> settings = {
      {.name = "dataset", .types = {SettingType::kString}, .default_value = "wikitext2", .summary = "registered data set whose text is read"},
      {.name = "split", .types = {SettingType::kString}, .summary = "of the data set; its first one unless given"},
      {.name = "limit", .types = {SettingType::kInteger}, .summary = "only the first N windows or prompts", .minimum = 1},
      {.name = "prompts_of", .types = {SettingType::kString}, .summary = "a task whose prompts are read in place of a data set's text"},
      {.name = "prompt_settings", .types = {SettingType::kObject}, .summary = "settings of that task (shots, seed …)"},
      {.name = "max_length",
       .types = {SettingType::kInteger},
       .summary = "tokens a prompt keeps, from its end; the model's positions unless given",
       .minimum = 2},
  };
  for (Setting& setting : window_settings()) settings.push_back(std::move(setting));
  return settings;
}

ComparedText::ComparedText(std::string_view task, const Params& params)
    : task_(task),
      limit_(params.find<std::size_t>("limit")),
      max_length_(params.find<std::size_t>("max_length")),
      prompts_of_(params.find<std::string>("prompts_of").value_or("")) {
  const Json of_task = params.find<Json>("prompt_settings").value_or(Json::object());
  if (prompts_of_.empty()) {
    if (!of_task.empty()) throw input_error("task {}: \"prompt_settings\" are those of a task; name it in \"prompts_of\"", task);
    windows_ = read_window_settings(task, params, params.get<std::string>("dataset"), params.find<std::string>("split").value_or(""));
    return;
  }
  refuse_what_prompts_do_not_have(task, params, of_task);
  asked_ = Registry<Task>::instance().make(prompts_of_, of_task);
}

std::vector<DatasetPart> ComparedText::reads() const { return asked_ ? asked_->reads() : std::vector<DatasetPart>{{windows_.dataset, windows_.split}}; }

void ComparedText::check(DatasetSource& datasets) const {
  if (asked_) return asked_->check(datasets);
  text_of(datasets.read({windows_.dataset, windows_.split}).rows.front(), "text", windows_.dataset);
}

std::vector<TokenWindow> ComparedText::windows(DatasetSource& datasets, const MeasuredModel& model) const {
  if (asked_) return prompts(datasets, model);
  const TokenStream stream = token_stream(
      windows_, datasets.read({windows_.dataset, windows_.split}), [&](std::string_view text) { return model.encode(text); }, model.bos_id());
  const std::size_t count = std::min(stream.windows(windows_.window), limit_.value_or(stream.windows(windows_.window)));
  std::vector<TokenWindow> windows;
  for (std::size_t i = 0; i < count; ++i) windows.push_back({stream.window(i, windows_.window), windows_.first_predicted()});
  return windows;
}

std::vector<TokenWindow> ComparedText::prompts(DatasetSource& datasets, const MeasuredModel& model) const {
  const auto encode = [&](std::string_view text) { return model.encode(text); };
  const ExampleList examples = asked_->examples({.datasets = &datasets, .encode = encode, .bos_id = model.bos_id()});
  const std::size_t length = max_length_.value_or(model.max_positions() > 0 ? static_cast<std::size_t>(model.max_positions()) : kDefaultMaxLength);
  std::vector<TokenWindow> windows;
  std::set<std::vector<std::int32_t>> seen;
  for (std::size_t i = 0; i < examples.count && (!limit_ || windows.size() < *limit_); ++i) {
    Prompt prompt = prompt_of(examples.make(i).requests.front());
    if (prompt.ids.empty()) prompt.ids = encode(prompt.text);
    if (prompt.ids.size() > length) {
      const std::size_t cut = prompt.ids.size() - length;
      prompt.ids.erase(prompt.ids.begin(), prompt.ids.begin() + static_cast<std::ptrdiff_t>(cut));
      prompt.first_predicted = prompt.first_predicted > cut ? prompt.first_predicted - cut : 1;
    }
    if (prompt.ids.size() > prompt.first_predicted && seen.insert(prompt.ids).second) windows.push_back({std::move(prompt.ids), prompt.first_predicted});
  }
  if (windows.empty()) throw input_error("task {}: no prompt of {} has two tokens, so there is nothing to compare models on", task_, prompts_of_);
  return windows;
}

std::string ComparedText::describe(std::size_t windows) const {
  if (asked_) return fmt::format("{} prompt{} of {}", windows, windows == 1 ? "" : "s", prompts_of_);
  return fmt::format("{} window{} of {} tokens ({}) of {} {}", windows, windows == 1 ? "" : "s", windows_.window, windows_.method, windows_.dataset,
                     windows_.split);
}

}  // namespace winnow
