#pragma once
#include <ATen/ATen.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <numeric>

#include "harness/core/json.h"
#include "harness/engine/forward.h"
#include "harness/model/checkpoint.h"
#include "harness/text/tokenizer.h"
#include "harness/text/windows.h"
#include "tests/support/files.h"
#include "tests/support/http_server.h"

namespace winnow {

// tiny_mixtral behind an OpenAI-style endpoint, run by our own engine, so that what comes back can be held against running it directly.
class CompletionServer {
 public:
  enum class Manner {
    kVllm,         // ids; tokens named by id where asked
    kText,         // text only; its echo leaves out BOS, as llama-cpp-python's
    kWithoutEcho,  // log-probabilities of generated tokens only, as llama.cpp's own server
  };
  // May put a reply in the place of the `number`th (from 0) request for a completion.
  using Fault = std::function<std::optional<test::ServerReply>(int number, const test::ServerRequest& request)>;

  explicit CompletionServer(Manner manner = Manner::kVllm, Fault fault = {})
      : manner_(manner),
        fault_(std::move(fault)),
        model_(load()),
        tokenizer_(Tokenizer::open(folder(), 32000)),
        server_([this](const test::ServerRequest& request) { return reply(request); }) {}

  static std::filesystem::path folder() { return test::fixture("lm_eval/tiny_mixtral"); }
  std::string endpoint() const { return server_.url("/v1"); }
  const test::HttpServer& server() const { return server_; }
  int completions() const { return completions_; }
  std::map<std::string, int> bodies() const {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  // Of the last ids, computed as its echo is.
  double log_likelihood(const TokenIds& ids, std::size_t scored) const {
    std::vector<std::int64_t> rows(ids.size());
    std::iota(rows.begin(), rows.end(), 0);
    const std::lock_guard lock(mutex_);
    const at::Tensor table = log_probabilities(ids, rows);
    double sum = 0;
    for (std::size_t i = ids.size() - scored; i < ids.size(); ++i) sum += table[static_cast<std::int64_t>(i) - 1][ids[i]].item<double>();
    return sum;
  }
  std::string expected_key;       // refuses requests without it
  std::string version = "0.9.9";  // read by the server's threads: set before any request

 private:
  static Model load() {
    const auto checkpoint = Checkpoint::open(folder());
    return load_model(checkpoint->config(), checkpoint->tensors(), *checkpoint, {.dtype = at::kFloat});
  }

  test::ServerReply reply(const test::ServerRequest& request) {
    if (!expected_key.empty() && (!request.headers.contains("authorization") || request.headers.at("authorization") != "Bearer " + expected_key)) {
      return {.status = 401,
              .body = R"({"error": {"message": "Incorrect API key provided: )" +
                      (request.headers.contains("authorization") ? request.headers.at("authorization") : "none") + "\"}}"};
    }
    const auto json = [](const Json& body) { return test::ServerReply{.body = body.dump(), .headers = {"Content-Type: application/json", "Server: uvicorn"}}; };
    if (request.target == "/v1/models")
      return json({{"data", Json::array({{{"id", "tiny"}, {"owned_by", "vllm"}, {"root", "/models/tiny"}, {"max_model_len", 2050}}})}});
    if (request.target == "/version") return json({{"version", version}});
    if (request.target != "/v1/completions") return {.status = 404, .body = R"({"detail": "Not Found"})"};
    const int number = completions_++;
    {
      const std::lock_guard lock(mutex_);
      ++bodies_[request.body];
    }
    if (fault_) {
      if (const auto replaced = fault_(number, request)) return *replaced;
    }
    const Json body = Json::parse(request.body);
    if (manner_ == Manner::kText && !body["prompt"].is_string()) return {.status = 422, .body = R"({"detail": [{"msg": "Input should be a valid string"}]})"};
    const TokenIds ids =
        body["prompt"].is_string() ? tokenizer_->encode(body["prompt"].get<std::string>(), Tokenizer::Special::kAdd) : body["prompt"].get<TokenIds>();
    return json(body.value("echo", false) && manner_ != Manner::kWithoutEcho ? echo(body, ids) : generate(body, ids));
  }

  at::Tensor log_probabilities(const TokenIds& ids, const std::vector<std::int64_t>& rows) const {
    const PackedBatch batch{ids, {{.first_row = 0, .rows = static_cast<std::int64_t>(ids.size()), .context = {}}}};
    return at::log_softmax(logits(model_, forward(model_, batch, rows)).to(at::kFloat), -1);
  }

  std::string shown(std::int64_t id, const Json& body) const {
    if (body.value("return_tokens_as_token_ids", false) && manner_ == Manner::kVllm) return "token_id:" + std::to_string(id);
    return tokenizer_->decode({static_cast<std::int32_t>(id)}, Tokenizer::SpecialText::kKeep);
  }

  Json echo(const Json& body, TokenIds ids) {
    const std::lock_guard lock(mutex_);
    std::vector<std::int64_t> rows(ids.size());
    std::iota(rows.begin(), rows.end(), 0);
    const at::Tensor table = log_probabilities(ids, rows);
    const auto [largest, arg] = at::max(table, -1);
    ids.push_back(arg[-1].item<std::int32_t>());
    Json numbers = Json::array({nullptr}), tops = Json::array({nullptr}), tokens = Json::array({shown(ids[0], body)});
    for (std::size_t i = 1; i < ids.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i) - 1;
      const double value = table[row][ids[i]].item<double>();
      numbers.push_back(value);
      Json top = {{shown(arg[row].item<std::int64_t>(), body), largest[row].item<double>()}};
      top[shown(ids[i], body)] = value;
      tops.push_back(top);
      tokens.push_back(shown(ids[i], body));
    }
    if (manner_ == Manner::kText) {
      for (Json* list : {&numbers, &tops, &tokens}) list->erase(0);
      numbers[0] = tops[0] = nullptr;
    }
    const Json logprobs = {{"tokens", tokens}, {"token_logprobs", numbers}, {"top_logprobs", tops}};
    return {{"choices", Json::array({{{"text", "…"}, {"finish_reason", "length"}, {"logprobs", logprobs}}})},
            {"usage", {{"prompt_tokens", ids.size() - 1}, {"completion_tokens", 1}}}};
  }

  Json generate(const Json& body, const TokenIds& prompt) {
    const std::lock_guard lock(mutex_);
    TokenIds ids = prompt, made;
    std::string text, reason = "length";
    const std::vector<std::string> stops = body.value("stop", std::vector<std::string>{});
    while (made.size() < body["max_tokens"].get<std::size_t>() && reason == "length") {
      const std::int32_t next = at::argmax(log_probabilities(ids, {static_cast<std::int64_t>(ids.size()) - 1})[0]).item<std::int32_t>();
      ids.push_back(next);
      made.push_back(next);
      text = tokenizer_->decode(made, Tokenizer::SpecialText::kSkip);
      const std::string cut = cut_at_stop_strings(text, stops);
      if (next == tokenizer_->eos_id() || cut != text) reason = "stop";
      text = cut;
    }
    const Json logprobs = {{"tokens", Json::array({"x"})}, {"token_logprobs", Json::array({-1.0})}, {"top_logprobs", Json::array({{{"x", -1.0}}})}};
    return {{"choices", Json::array({{{"text", text}, {"finish_reason", reason}, {"logprobs", logprobs}}})},
            {"usage", {{"prompt_tokens", prompt.size()}, {"completion_tokens", made.size()}}}};
  }

  Manner manner_;
  Fault fault_;
  Model model_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::atomic<int> completions_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, int> bodies_;  // how often each was asked
  test::HttpServer server_;            // last: its threads use all of the above
};

}  // namespace winnow
