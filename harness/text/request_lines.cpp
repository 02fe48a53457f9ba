#include "harness/text/request_lines.h"

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/json.h"
#include "harness/core/terminal.h"

namespace winnow {
namespace {

std::string on_one_line(const OrderedJson& json) { return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace); }

}  // namespace

std::string request_line(const Request& request) {
  if (const auto* score = std::get_if<ScoreRequest>(&request)) {
    return on_one_line({{"kind", "score"}, {"context", score->context}, {"continuation", score->continuation}});
  }
  if (const auto* rolling = std::get_if<RollingRequest>(&request)) return on_one_line({{"kind", "rolling"}, {"text", rolling->text}});
  if (const auto* generate = std::get_if<GenerateRequest>(&request)) {
    return on_one_line({{"kind", "generate"}, {"context", generate->context}, {"until", generate->until}, {"max_new_tokens", generate->max_new_tokens}});
  }
  throw unsupported_error("windows of token ids depend on the model's tokenizer and cannot be written as requests");
}

std::string describe(const Request& request) {
  const auto of = [](std::string_view what, std::string_view text) { return fmt::format("{} \"{}\" (sha256 {})", what, one_line(text, 60), sha256_hex(text)); };
  if (const auto* score = std::get_if<ScoreRequest>(&request)) {
    return fmt::format("score request for the continuation \"{}\" of {}", one_line(score->continuation, 60), of("the context", score->context));
  }
  if (const auto* rolling = std::get_if<RollingRequest>(&request)) return fmt::format("rolling request for {}", of("the text", rolling->text));
  if (const auto* generate = std::get_if<GenerateRequest>(&request)) return fmt::format("generate request for {}", of("the context", generate->context));
  const auto& tokens = std::get<TokensRequest>(request);
  return fmt::format("request for {} token ids after {} token ids", tokens.continuation.size(), tokens.context.size());
}

}  // namespace winnow
