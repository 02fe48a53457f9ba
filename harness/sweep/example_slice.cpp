#include "harness/sweep/example_slice.h"

#include <algorithm>

namespace winnow {
namespace {

constexpr std::size_t kMaxExamples = 1024;
constexpr std::size_t kMaxBytes = std::size_t{32} << 20;

struct BytesOf {
  std::size_t operator()(const ScoreRequest& request) const { return request.context.size() + request.continuation.size(); }
  std::size_t operator()(const RollingRequest& request) const { return request.text.size(); }
  std::size_t operator()(const GenerateRequest& request) const { return request.context.size(); }
  std::size_t operator()(const TokensRequest& request) const { return sizeof(std::int32_t) * (request.context.size() + request.continuation.size()); }
};

std::string joined_ids(const std::vector<std::int32_t>& ids) { return fmt::format("{}", fmt::join(ids, " ")); }

}  // namespace

std::optional<ExampleSlice> ExampleSlicer::next() {
  ExampleSlice slice;
  std::size_t bytes = 0;
  while (slice.examples.size() < kMaxExamples && bytes < kMaxBytes) {
    if (!ahead_) {
      if (index_ == list_.count) break;
      ahead_ = list_.make(index_++);
      if (answered_.contains({ahead_->record.leaf, ahead_->record.doc_id})) {
        ahead_.reset();
        continue;
      }
    }
    if (!slice.examples.empty() && slice.examples.back().group != ahead_->group) break;
    slice.first.push_back(slice.requests.size());
    for (const Request& request : ahead_->requests) {
      bytes += std::visit(BytesOf{}, request);
      slice.requests.push_back(request);
      slice.owner.push_back(slice.examples.size());
    }
    slice.examples.push_back(std::move(*ahead_));
    ahead_.reset();
  }
  if (slice.examples.empty()) return std::nullopt;
  return slice;
}

std::string prompt_of(const Request& request) {
  struct Prompt {
    std::string operator()(const ScoreRequest& request) const { return request.context; }
    std::string operator()(const RollingRequest& request) const { return request.text; }
    std::string operator()(const GenerateRequest& request) const { return request.context; }
    std::string operator()(const TokensRequest& request) const { return joined_ids(request.context); }
  };
  return std::visit(Prompt{}, request);
}

std::vector<std::string> arguments_of(std::span<const Request> requests) {
  std::vector<std::string> arguments;
  for (const Request& request : requests) {
    if (const auto* score = std::get_if<ScoreRequest>(&request)) arguments.push_back(score->continuation);
    if (const auto* generate = std::get_if<GenerateRequest>(&request)) arguments.insert(arguments.end(), generate->until.begin(), generate->until.end());
    if (const auto* tokens = std::get_if<TokensRequest>(&request)) arguments.push_back(joined_ids(tokens->continuation));
  }
  return arguments;
}

std::vector<std::string> contexts_of(std::span<const Request> requests) {
  std::vector<std::string> contexts;
  for (const Request& request : requests) contexts.push_back(prompt_of(request));
  const bool is_shared = std::ranges::all_of(contexts, [&](const std::string& context) { return context == contexts.front(); });
  return is_shared ? std::vector<std::string>() : contexts;
}

}  // namespace winnow
