#include "tasks/shared/token_windows.h"

#include "harness/api/task.h"
#include "harness/core/digest.h"
#include "tasks/shared/documents.h"

namespace winnow {
namespace {

std::string joined_rows(const DatasetRows& rows, const std::string& dataset) {
  std::string text;
  for (const OrderedJson& row : rows.rows) {
    if (&row != &rows.rows.front()) text += "\n\n";
    text += text_of(row, "text", dataset);
  }
  return text;
}

std::string whole_file(const DatasetRows& rows, const std::string& dataset) {
  if (!rows.rows.empty() && !rows.rows.front().contains("line")) return joined_rows(rows, dataset);  // a set of documents, no text file
  std::string text;
  for (const OrderedJson& row : rows.rows) text += text_of(row, "line", dataset);
  return text;
}

void place_bos(const WindowSettings& settings, std::vector<std::int32_t>& ids, std::optional<std::int32_t> bos_id) {
  const bool has_bos = bos_id && !ids.empty() && ids.front() == *bos_id;
  if (settings.bos == "once" && !bos_id)
    throw unsupported_error("task {}: \"bos\" is \"once\", but the model's tokenizer has no BOS token; use \"none\"", settings.task);
  if (settings.bos == "once" && !has_bos) ids.insert(ids.begin(), *bos_id);
  if (settings.bos == "none" && has_bos) ids.erase(ids.begin());
}

}  // namespace

std::vector<Setting> window_settings() {
  return {{.name = "window", .types = {SettingType::kInteger}, .default_value = 2048, .summary = "tokens of a window", .minimum = 4, .maximum = 1 << 20},
          {.name = "bos",
           .types = {SettingType::kString},
           .summary = "BOS once at the very start of the text, or none; the tokenizer's own rule unless given",
           .choices = {"once", "none"}},
          {.name = "method",
           .types = {SettingType::kString},
           .default_value = kFullWindows,
           .summary = "full: all positions but the first (the pruning papers); half_window: the second half (llama-perplexity)",
           .choices = {kFullWindows, kHalfWindows}}};
}

WindowSettings read_window_settings(std::string_view task, const Params& params, std::string dataset, std::string split) {
  WindowSettings settings{.task = std::string(task),
                          .dataset = std::move(dataset),
                          .split = std::move(split),
                          .window = params.get<std::size_t>("window"),
                          .bos = params.find<std::string>("bos"),
                          .method = params.get<std::string>("method")};
  if (const auto add_bos = params.find<bool>("add_bos")) {
    const std::string said = *add_bos ? "once" : "none";
    if (settings.bos && *settings.bos != said)
      throw input_error("task {}: \"bos\" is \"{}\" and \"add_bos\" is {}, which contradict each other", task, *settings.bos, *add_bos);
    settings.bos = said;
  }
  if (settings.split.empty()) settings.split = Registry<Dataset>::instance().make(settings.dataset)->splits().front();
  const auto length = params.find<std::int64_t>("max_length");
  if (length && *length < static_cast<std::int64_t>(settings.window)) {
    throw input_error("task {}: \"window\" {} is longer than \"max_length\" {}; a window must fit into the context", task, settings.window, *length);
  }
  return settings;
}

std::vector<std::int32_t> TokenStream::window(std::size_t index, std::size_t window) const {
  const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(index * window);
  std::vector<std::int32_t> cut(begin, begin + static_cast<std::ptrdiff_t>(window));
  if (first_id) cut.front() = *first_id;
  return cut;
}

TokenStream token_stream(const WindowSettings& settings, const DatasetRows& rows, const std::function<std::vector<std::int32_t>(std::string_view text)>& encode,
                         std::optional<std::int32_t> bos_id) {
  const std::string text = settings.half() ? whole_file(rows, settings.dataset) : joined_rows(rows, settings.dataset);
  TokenStream stream{.ids = encode(text), .first_id = {}, .text_sha256 = sha256_hex(text)};
  place_bos(settings, stream.ids, bos_id);
  if (settings.half() && bos_id && !stream.ids.empty() && stream.ids.front() == *bos_id) stream.first_id = bos_id;
  if (stream.windows(settings.window) == 0) {
    throw input_error("task {}: data set {} {} has {} tokens, less than one window of {}; lower \"window\"", settings.task, settings.dataset, settings.split,
                      stream.ids.size(), settings.window);
  }
  return stream;
}

}  // namespace winnow
