#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json.h"
#include "harness/text/windows.h"

namespace winnow {

// The bodies of OpenAI-style /completions requests and what is read from their replies. Pure.

// How a server wants its requests; found out by asking it.
struct CompletionDialect {
  enum class Prompts { kIds, kText };  // kText: the server encodes by itself, and is held to our ids by what it echoes
  Prompts prompts = Prompts::kIds;
  enum class Extensions { kSent, kNone };  // fields beyond OpenAI's own: penalties switched off, tokens named by id
  Extensions extensions = Extensions::kSent;
  bool leaves_out_bos = false;  // its echo begins after the BOS token
};

// A prompt as it is sent and as its echo is checked.
struct EchoPrompt {
  TokenIds ids;                     // with the scored ones
  std::size_t scored = 0;           // the last ids, whose log-probabilities are wanted
  std::vector<std::string> pieces;  // each id's text
  std::string text;                 // for Prompts::kText: of all ids but BOS
  bool begins_with_bos = false;
};

std::string echo_body(const std::string& model, const EchoPrompt& prompt, const CompletionDialect& dialect);

struct EchoScore {
  double log_likelihood = 0;
  bool is_greedy = true;  // each scored token's log-probability is the largest the server names for its place; equal ones count
};
// Throws Error(kInput) saying what is missing, of another length than the prompt, not of this prompt, or no number.
EchoScore read_echo(std::string_view reply, const EchoPrompt& prompt, const CompletionDialect& dialect);

// Whether the echo leaves out BOS, from an echo of a prompt that begins with it.
bool echo_leaves_out_bos(std::string_view reply, const EchoPrompt& prompt);

struct CompletionPrompt {
  TokenIds ids;
  std::string text;  // for Prompts::kText
  std::vector<std::string> until;
  int max_new_tokens = 1;
};
std::string completion_body(const std::string& model, const CompletionPrompt& prompt, const CompletionDialect& dialect);

struct Completion {
  std::string text;
  bool is_cut = false;                         // max_new_tokens ended it
  std::int64_t tokens = 0, prompt_tokens = 0;  // as the server counts them; 0: it does not say
};
Completion read_completion(std::string_view reply);

// The sentence of an error body, {"error": {"message": …}} and its cousins, else the body; whole, since a key is taken out before it is shortened.
std::string server_message(std::string_view body);

}  // namespace winnow
