#pragma once
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>

#include "harness/core/json.h"
#include "harness/http/client.h"
#include "harness/text/language_model.h"

namespace winnow {

// A model behind an OpenAI-style endpoint (vLLM, SGLang, llama-cpp-python …), run by whoever serves it.
struct ServedOptions {
  std::string endpoint;                 // "http://127.0.0.1:8000/v1"
  std::string model;                    // as the server calls it
  std::filesystem::path tokenizer;      // folder with tokenizer.model
  enum class Scoring { kEcho, kNone };  // kNone: for servers that give no log-probabilities of prompts; only generates
  Scoring scoring = Scoring::kEcho;
  std::int64_t max_length = 0;  // rows of a request where the task names none; 0: two less than the server's limit
  std::string api_key_env;      // environment variable that holds the key; empty: none is sent
  HttpSettings http;            // without the key
};

struct ServedModel {
  std::unique_ptr<LanguageModel> model;
  // What makes two runs the same: endpoint, model, what the server says of itself (name, version, weights), default max_length, scoring.
  Json identity;
  std::string tokenizer_sha256;
  std::optional<std::int32_t> bos_id;
};

// It was told to stop (HttpSettings::should_stop) before the server had said all that is asked of it: nothing is known, and nothing is at fault.
struct StoppedBeforeKnown : std::exception {
  const char* what() const noexcept override { return "stopped before the server had answered"; }
};

// Asks the server who it is and how it wants its requests, and for one echo, so that a server that cannot score is told before any work.
// Requests are encoded here, as for our engine; log-probabilities are summed over the continuation's ids. is_greedy holds where each of
// them has the largest log-probability that the server names for its place; an exact tie counts as greedy (our engine takes the lowest id).
// Throws Error(kInput) where nobody answers, the key is refused or the model is not served; Error(kUnsupported) where prompts have no log-probabilities;
// StoppedBeforeKnown.
ServedModel open_served_model(const ServedOptions& options);

}  // namespace winnow
