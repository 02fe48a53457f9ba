#include "harness/text/windows.h"

#include <algorithm>
#include <array>

#include "harness/core/error.h"
#include "harness/core/unicode.h"

namespace winnow {
namespace {

constexpr std::string_view kHead = "lmeval-head";
constexpr std::array kProfiles = {kHead, std::string_view("lmeval-0.4.9.1"), std::string_view("lmeval-2023-12"), std::string_view("lmeval-2023-07")};

}  // namespace

PromptEncoder::PromptEncoder(const Tokenizer& tokenizer, std::optional<bool> add_bos, std::string_view profile)
    : tokenizer_(tokenizer), add_bos_(add_bos), finds_prefix_in_text_(profile == kHead) {
  if (std::find(kProfiles.begin(), kProfiles.end(), profile) == kProfiles.end()) {
    throw unsupported_error("there is no profile '{}'; there are: {}", profile, fmt::join(kProfiles, ", "));
  }
  if (profile != kHead) add_bos_ = add_bos.value_or(false);
  const bool begins_with_eos = profile.starts_with("lmeval-2023");
  prefix_ = tokenizer.bos_id() && !begins_with_eos ? tokenizer.bos_id() : tokenizer.eos_id();
  if (prefix_) prefix_text_ = tokenizer.decode({*prefix_}, Tokenizer::SpecialText::kKeep);
}

TokenIds PromptEncoder::encode(std::string_view text) const {
  const bool begins_with_prefix = !prefix_text_.empty() && text.starts_with(prefix_text_);
  if (begins_with_prefix || add_bos_ == false) return encode_plain(text);
  TokenIds ids = tokenizer_.encode(text, Tokenizer::Special::kAdd);
  if (add_bos_ == true && !tokenizer_.adds_bos() && tokenizer_.bos_id()) ids.insert(ids.begin(), *tokenizer_.bos_id());
  return ids;
}

TokenIds PromptEncoder::encode_plain(std::string_view text) const { return tokenizer_.encode(text, Tokenizer::Special::kNone); }

std::int32_t PromptEncoder::prefix_token() const {
  if (!prefix_) throw unsupported_error("the tokenizer has neither a BOS nor an EOS token, so an empty context has no token to start from");
  return *prefix_;
}

TextPair move_trailing_space(std::string_view context, std::string_view continuation) {
  const std::size_t kept = strip_right(context).size();
  return {std::string(context.substr(0, kept)), std::string(context.substr(kept)).append(continuation)};
}

TokenPair encode_pair(const PromptEncoder& encoder, std::string_view context, std::string_view continuation) {
  if (context.empty()) {
    TokenIds ids = encoder.encode_plain(continuation);
    const std::int32_t prefix = encoder.prefix_token();
    if (encoder.finds_prefix_in_text() && !ids.empty() && ids.front() == prefix) ids.erase(ids.begin());
    return {{prefix}, std::move(ids)};
  }
  const TextPair pair = move_trailing_space(context, continuation);
  TokenIds context_ids = encoder.encode(pair.context);
  const TokenIds whole = encoder.encode(pair.context + pair.continuation);
  const auto split = whole.begin() + static_cast<std::ptrdiff_t>(std::min(context_ids.size(), whole.size()));
  const bool merged = !std::equal(whole.begin(), split, context_ids.begin(), context_ids.end());
  return {std::move(context_ids), TokenIds(split, whole.end()), merged};
}

ScoredRows rows_to_score(std::span<const std::int32_t> context, std::span<const std::int32_t> continuation, std::int64_t max_length) {
  WINNOW_CHECK(!context.empty() && !continuation.empty() && static_cast<std::int64_t>(continuation.size()) <= max_length);
  ScoredRows rows;
  const std::size_t kept = std::min(context.size(), static_cast<std::size_t>(max_length) + 1 - continuation.size());
  rows.truncated = kept < context.size();
  rows.input.reserve(kept + continuation.size() - 1);
  rows.input.assign(context.end() - static_cast<std::ptrdiff_t>(kept), context.end());
  rows.input.insert(rows.input.end(), continuation.begin(), continuation.end() - 1);
  rows.targets.assign(continuation.begin(), continuation.end());
  return rows;
}

std::vector<RollingWindow> rolling_windows(std::int64_t tokens, std::int64_t max_length, std::int64_t context_length) {
  WINNOW_CHECK(context_length > 0 && max_length >= context_length);
  std::vector<RollingWindow> windows;
  if (tokens > 0) windows.push_back({-1, 0, std::min(tokens, max_length)});
  while (!windows.empty() && windows.back().end < tokens) {
    const std::int64_t first = windows.back().end, end = std::min(tokens, first + max_length - context_length + 1);
    // Its rows are the max_length ids that end one before `end`; what it predicts is not context.
    windows.push_back({end - 1 - max_length, first, end});
  }
  return windows;
}

std::string cut_at_stop_strings(std::string_view text, std::span<const std::string> until) {
  for (const std::string& stop : until) {
    if (!stop.empty()) text = text.substr(0, text.find(stop));
  }
  return std::string(text);
}

}  // namespace winnow
