#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/api/dataset.h"
#include "harness/core/settings.h"

namespace winnow {

// A data set's text as one stream of token ids, and fixed windows of it: what `perplexity` scores and `divergence` compares models on.
// full: the pruning papers' (SparseGPT, Wanda, OWL): rows joined by a blank line and encoded once, windows that do not overlap, every position but the first
// predicted. half_window: llama-perplexity's: the file as it stands, the first token of each window replaced by BOS, only the second half predicted.
inline constexpr const char* kFullWindows = "full";
inline constexpr const char* kHalfWindows = "half_window";

struct WindowSettings {
  std::string task;  // for faults
  std::string dataset, split;
  std::size_t window = 2048;
  std::optional<std::string> bos;  // "once": BOS at the very start; "none": no BOS; absent: as the tokenizer has it
  std::string method = kFullWindows;

  bool half() const { return method == kHalfWindows; }
  std::size_t first_predicted() const { return half() ? window / 2 + 1 : 1; }
};

// "window", "bos" and "method".
std::vector<Setting> window_settings();
// From a task's parameters; an empty split becomes the data set's first. Throws Error(kInput) where "bos" and "add_bos" contradict each other, or a window does
// not fit into "max_length".
WindowSettings read_window_settings(std::string_view task, const Params& params, std::string dataset, std::string split);

struct TokenStream {
  std::vector<std::int32_t> ids;
  std::optional<std::int32_t> first_id;  // stands in the place of every window's first token
  std::string text_sha256;

  std::size_t windows(std::size_t window) const { return ids.size() / window; }
  std::vector<std::int32_t> window(std::size_t index, std::size_t window) const;
};

// Throws Error(kInput) where there is less than one window of text, Error(kUnsupported) where BOS is asked for and there is none.
TokenStream token_stream(const WindowSettings& settings, const DatasetRows& rows, const std::function<std::vector<std::int32_t>(std::string_view text)>& encode,
                         std::optional<std::int32_t> bos_id);

}  // namespace winnow
