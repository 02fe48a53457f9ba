#pragma once
#include <optional>
#include <string>

#include "harness/core/error.h"
#include "harness/http/address.h"
#include "harness/http/client.h"
#include "harness/text/completions.h"
#include "harness/text/served_language_model.h"
#include "harness/text/tokenizer.h"

namespace winnow {

// What a server says of itself.
struct ServerFacts {
  std::string server, version;  // "vllm", "0.6.3"; empty where it does not say
  std::string weights;          // what it loaded, where it says so
  std::int64_t context = 0;     // its limit of tokens a request; 0: it does not say
};

// Asks /models, and the places where servers tell their version. Throws Error(kInput) naming the models there are.
ServerFacts ask_for_facts(HttpClient& client, const Address& endpoint, const std::string& model);

// Finds out by asking, on a short prompt: ids or text, with extensions or without.
CompletionDialect ask_for_dialect(HttpClient& client, const Address& endpoint, const ServedOptions& options, const ServerFacts& facts,
                                  const Tokenizer& tokenizer);

// A row of ids as an echo is asked for, its last `scored` ids to be scored.
EchoPrompt make_echo_prompt(const Tokenizer& tokenizer, TokenIds ids, std::size_t scored);
// Throws Error(kInput) where the text cannot stand for the ids: the server begins it with BOS.
std::string prompt_text(const Tokenizer& tokenizer, const TokenIds& ids);

// The error of a status that is not tried again.
Error refusal(const HttpClient& client, const std::string& url, const HttpReply& reply);

}  // namespace winnow
