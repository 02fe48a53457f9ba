#include "tests/support/scripted_language_model.h"

#include <algorithm>

#include "harness/core/digest.h"
#include "harness/core/unicode.h"

namespace winnow::test {
namespace {

std::uint32_t key_of(const std::string& text) {
  const auto bytes = sha256_bytes(text);
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

Response score(const std::string& context, const std::string& continuation) {
  const std::uint32_t key = key_of(context + '\x1f' + continuation);
  const double points = static_cast<double>(code_point_count(continuation));
  Response response;
  response.log_likelihood = -(static_cast<double>(key % 64) + 1) * (points + 3) / 32;
  response.is_greedy = key >= 0x80000000u;
  return response;
}

Response rolling(const std::string& text) {
  Response response;
  response.log_likelihood = -static_cast<double>(code_point_count(text)) * (64 + static_cast<double>(key_of(text) % 64)) / 64;
  return response;
}

Response tokens(const TokensRequest& request) {
  std::string context, continuation;
  for (const std::int32_t id : request.context) context += std::to_string(id) + ",";
  for (const std::int32_t id : request.continuation) continuation += std::to_string(id) + ",";
  return score(context, continuation);
}

Response generate(const GenerateRequest& request, std::string reply) {
  std::vector<std::string> until = request.until;
  if (std::find(until.begin(), until.end(), "</s>") == until.end()) until.push_back("</s>");
  Response response;
  response.text = std::move(reply);
  for (const std::string& stop : until) response.text = response.text.substr(0, response.text.find(stop));
  return response;
}

}  // namespace

void ScriptedLanguageModel::answer(std::span<const Request> requests, const AnswerSettings&, const OnResponse& on_response) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Response response;
    if (const auto* request = std::get_if<ScoreRequest>(&requests[i])) response = score(request->context, request->continuation);
    if (const auto* request = std::get_if<RollingRequest>(&requests[i])) response = rolling(request->text);
    if (const auto* request = std::get_if<TokensRequest>(&requests[i])) response = tokens(*request);
    if (const auto* request = std::get_if<GenerateRequest>(&requests[i])) response = generate(*request, reply_ ? reply_(request->context) : "");
    ++counters_.tokens_asked;
    if (on_response(i, response) == Continue::kNo) return;
  }
}

std::vector<std::int32_t> ScriptedLanguageModel::encode(std::string_view text, Special special) const {
  std::vector<std::int32_t> ids;
  if (special == Special::kAdd) ids.push_back(1);
  for (const char c : text) ids.push_back(3 + static_cast<unsigned char>(c));
  return ids;
}

}  // namespace winnow::test
