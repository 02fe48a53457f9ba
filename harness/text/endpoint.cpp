#include "harness/text/endpoint.h"

#include <vector>

#include "harness/core/error.h"
#include "harness/core/terminal.h"

namespace winnow {
namespace {

constexpr const char* kProbe = "The quick brown fox jumps over the lazy dog";
constexpr int kProbeReadings = 3;  // of a reply that makes no sense, before it counts as the server's way

std::string text_at(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object.at(key).is_string() ? object.at(key).get<std::string>() : "";
}

struct Page {
  HttpReply reply;
  std::optional<Json> object;  // nothing where the server does not have the place
};

// A body that was cut is asked for again: what a server is said to be must not depend on luck.
Page ask_page(HttpClient& client, const std::string& url) {
  Page page;
  const auto take = [&](std::size_t, const HttpReply& reply) -> ReplyVerdict {
    page.reply = reply;
    if (reply.status != 200) return {};
    try {
      Json json = parse_json(reply.body, "the reply");
      if (json.is_object()) page.object = std::move(json);
    } catch (const Error& error) {
      const auto type = reply.headers.find("content-type");
      if (type != reply.headers.end() && type->second.find("json") != std::string::npos) return {ReplyVerdict::Kind::kFaulty, error.what()};
    }
    return {};
  };
  if (!client.run({.count = 1, .request = [&](std::size_t) { return HttpRequest{url, ""}; }, .take = take})) throw StoppedBeforeKnown();
  return page;
}

bool is_refused(long status) { return status == 401 || status == 403 || (status >= 300 && status < 400); }

const Json* find_model(const Json& list, const std::string& model, const Address& endpoint) {
  if (!list.contains("data") || !list.at("data").is_array()) return nullptr;
  std::vector<std::string> names;
  for (const Json& entry : list.at("data")) {
    if (text_at(entry, "id") == model) return &entry;
    if (names.size() < 20) names.push_back(one_line(text_at(entry, "id"), 100));
  }
  throw input_error("{} does not serve a model '{}'; it serves: {}", endpoint.text, one_line(model, 100),
                    names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

// Where servers tell their version.
struct VersionPlace {
  const char *path, *key, *server;
};
constexpr VersionPlace kVersionPlaces[] = {{"/version", "version", ""},  // vLLM
                                           {"/get_server_info", "version", "sglang"},
                                           {"/server_info", "version", "sglang"},  // its later releases
                                           {"/props", "build_info", "llama.cpp"}};

void ask_for_version(HttpClient& client, const Address& endpoint, const std::map<std::string, std::string>& headers, ServerFacts& facts) {
  for (const VersionPlace& place : kVersionPlaces) {
    const auto found = ask_page(client, endpoint.origin + place.path).object;
    if (!found || text_at(*found, place.key).empty()) continue;
    facts.version = text_at(*found, place.key);
    if (facts.server.empty()) facts.server = place.server;
    break;
  }
  if (facts.version.empty()) {  // llama-cpp-python
    const auto page = ask_page(client, endpoint.origin + "/openapi.json").object;
    const std::string title = page && page->contains("info") ? text_at(page->at("info"), "title") : "";
    if (!title.empty() && title != "FastAPI") {
      facts.server = title;
      facts.version = text_at(page->at("info"), "version");
    }
  }
  const auto named = headers.find("server");
  if (facts.server.empty() && named != headers.end()) facts.server = named->second;
  for (std::string* fact : {&facts.server, &facts.version, &facts.weights}) *fact = one_line(client.redacted(*fact), 200);
}

// What a probe of one dialect came to.
struct Probe {
  std::optional<CompletionDialect> dialect;
  bool was_answered = false;  // with status 200
  std::string fault;
};

Probe probe(HttpClient& client, const std::string& url, const ServedOptions& options, const EchoPrompt& prompt, CompletionDialect dialect) {
  Probe result;
  std::optional<Error> refused;
  int readings = 0;
  const bool scores = options.scoring == ServedOptions::Scoring::kEcho;
  const auto request = [&](std::size_t) {
    return HttpRequest{url, scores ? echo_body(options.model, prompt, dialect) : completion_body(options.model, {prompt.ids, prompt.text, {}, 1}, dialect)};
  };
  const auto take = [&](std::size_t, const HttpReply& reply) -> ReplyVerdict {
    if (reply.status == 401 || reply.status == 403 || reply.status == 404 || (reply.status >= 300 && reply.status < 400))
      refused.emplace(refusal(client, url, reply));
    if (reply.status != 200) {
      result.fault = refusal(client, url, reply).what();
      return {};
    }
    result.was_answered = true;
    try {
      if (scores) {
        dialect.leaves_out_bos = echo_leaves_out_bos(reply.body, prompt);
        read_echo(reply.body, prompt, dialect);
      } else {
        read_completion(reply.body);
      }
      result.dialect = dialect;
    } catch (const Error& error) {
      result.fault = client.redacted(error.what());
      if (++readings < kProbeReadings) return {ReplyVerdict::Kind::kFaulty, error.what()};
    }
    return {};
  };
  if (!client.run({.count = 1, .request = request, .take = take})) throw StoppedBeforeKnown();
  if (refused) throw Error(*refused);
  return result;
}

}  // namespace

Error refusal(const HttpClient& client, const std::string& url, const HttpReply& reply) {
  const std::string message = one_line(client.redacted(server_message(reply.body)), 300);
  if (reply.status == 401 || reply.status == 403) {
    return input_error("{}: the server answers {}: {}; name the environment variable that holds a valid key in \"api_key_env\"", url, reply.status, message);
  }
  if (reply.status >= 300 && reply.status < 400) {
    return input_error("{}: the server answers {}, a redirect, which is not followed; name the address it stands for as the endpoint", url, reply.status);
  }
  return input_error("{}: the server answers {}: {}", url, reply.status, message);
}

ServerFacts ask_for_facts(HttpClient& client, const Address& endpoint, const std::string& model) {
  ServerFacts facts;
  const std::string url = endpoint.text + "/models";
  const Page list = ask_page(client, url);
  if (is_refused(list.reply.status)) throw refusal(client, url, list.reply);
  if (list.object) {
    if (const Json* entry = find_model(*list.object, model, endpoint)) {
      facts.weights = text_at(*entry, "root");
      const std::string owner = text_at(*entry, "owned_by");
      if (owner == "vllm" || owner == "sglang" || owner == "llamacpp") facts.server = owner;
      if (entry->contains("max_model_len") && entry->at("max_model_len").is_number_unsigned()) facts.context = entry->at("max_model_len").get<std::int64_t>();
    }
  }
  ask_for_version(client, endpoint, list.reply.headers, facts);
  return facts;
}

std::string prompt_text(const Tokenizer& tokenizer, const TokenIds& ids) {
  if (!tokenizer.bos_id() || ids.empty() || ids.front() != *tokenizer.bos_id()) {
    throw input_error(
        "this server takes prompts as text only and begins each with BOS, but this one (cut on the left, or with add_bos false) does not begin so; "
        "set a larger max_length, or leave add_bos out");
  }
  return tokenizer.decode(TokenIds(ids.begin() + 1, ids.end()), Tokenizer::SpecialText::kKeep);
}

EchoPrompt make_echo_prompt(const Tokenizer& tokenizer, TokenIds ids, std::size_t scored) {
  EchoPrompt prompt{.ids = std::move(ids), .scored = scored};
  for (const std::int32_t id : prompt.ids) prompt.pieces.push_back(tokenizer.decode({id}, Tokenizer::SpecialText::kKeep));
  prompt.begins_with_bos = tokenizer.bos_id() && prompt.ids.front() == *tokenizer.bos_id();
  return prompt;
}

CompletionDialect ask_for_dialect(HttpClient& client, const Address& endpoint, const ServedOptions& options, const ServerFacts& facts,
                                  const Tokenizer& tokenizer) {
  using Prompts = CompletionDialect::Prompts;
  using Extensions = CompletionDialect::Extensions;
  TokenIds ids = tokenizer.encode(kProbe, Tokenizer::Special::kAdd);
  if (tokenizer.bos_id() && ids.front() != *tokenizer.bos_id()) ids.insert(ids.begin(), *tokenizer.bos_id());
  EchoPrompt prompt = make_echo_prompt(tokenizer, ids, ids.size() - 2);  // the first two may have no log-probability
  if (prompt.begins_with_bos) prompt.text = prompt_text(tokenizer, ids);
  Probe first;
  for (const auto& [prompts, extensions] : {std::pair{Prompts::kIds, Extensions::kSent}, std::pair{Prompts::kIds, Extensions::kNone},
                                            std::pair{Prompts::kText, Extensions::kSent}, std::pair{Prompts::kText, Extensions::kNone}}) {
    if (prompts == Prompts::kText && !prompt.begins_with_bos) break;
    if (prompts == Prompts::kIds && facts.server.find("llama.cpp Python") != std::string::npos) continue;  // refuses ids with a 500, like a passing fault
    const Probe found = probe(client, endpoint.text + "/completions", options, prompt, {.prompts = prompts, .extensions = extensions});
    if (found.dialect) return *found.dialect;
    if (first.fault.empty() || (found.was_answered && !first.was_answered)) first = found;
  }
  if (options.scoring == ServedOptions::Scoring::kNone) throw unsupported_error("{} cannot be asked for completions: {}", endpoint.text, first.fault);
  throw unsupported_error(
      "{} cannot score: it was asked for the log-probabilities of a prompt (echo, logprobs), and {}; serve the model with an engine that gives "
      "them (vLLM, SGLang, llama-cpp-python with logits_all), or say \"scoring\": \"none\" for tasks that only generate",
      endpoint.text, first.fault);
}

}  // namespace winnow
