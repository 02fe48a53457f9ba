#include "harness/text/completions.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "harness/core/error.h"
#include "harness/core/terminal.h"

namespace winnow {
namespace {

constexpr std::size_t kMaxStops = 4;  // OpenAI takes no more; replies are cut here by all of them
constexpr double kRounding = 1e-4;    // above 0, of a log-probability added up in half precision
constexpr std::string_view kTokenId = "token_id:";

Json base_body(const std::string& model, const TokenIds& ids, const std::string& text, const CompletionDialect& dialect) {
  Json body = {{"model", model}, {"temperature", 0}, {"top_p", 1}, {"frequency_penalty", 0}, {"presence_penalty", 0}, {"n", 1}, {"stream", false}};
  if (dialect.prompts == CompletionDialect::Prompts::kIds)
    body["prompt"] = ids;
  else
    body["prompt"] = text;
  if (dialect.extensions == CompletionDialect::Extensions::kSent) {
    // llama.cpp's and vLLM's defaults may penalise repetitions even at temperature 0.
    body["repeat_penalty"] = 1.0;
    body["repetition_penalty"] = 1.0;
    body["return_tokens_as_token_ids"] = true;
  }
  return body;
}

std::string dumped(const Json& body) { return body.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json& member(const Json& object, const char* key, const char* owner) {
  if (!object.is_object() || !object.contains(key)) throw input_error("the reply has no \"{}\"{}", key, owner);
  return object.at(key);
}

Json first_choice(std::string_view reply) {
  Json json = parse_json(reply, "the reply");
  const Json& choices = member(json, "choices", "");
  if (!choices.is_array() || choices.empty()) throw input_error("the reply's \"choices\" are {}, expected a list of one", one_line(choices.dump(), 60));
  Json choice = choices[0];
  if (!choice.is_object()) throw input_error("the reply's choice is {}, expected an object", one_line(choice.dump(), 60));
  choice["usage"] = json.value("usage", Json());
  return choice;
}

// Of "usage"; −1 where the server does not count.
std::int64_t counted(const Json& choice, const char* key) {
  const Json& usage = choice.at("usage");
  return usage.is_object() && usage.contains(key) && usage.at(key).is_number_unsigned() ? usage.at(key).get<std::int64_t>() : -1;
}

const Json& logprob_list(const Json& choice, const char* key) {
  const Json& logprobs = member(choice, "logprobs", ": the server gives no log-probabilities");
  if (!logprobs.is_object())
    throw input_error("the reply's \"logprobs\" are {}: the server gives no log-probabilities of its prompts", one_line(logprobs.dump(), 60));
  const Json& list = member(logprobs, key, " in \"logprobs\"");
  if (!list.is_array()) throw input_error("the reply's \"{}\" are {}, expected a list", key, one_line(list.dump(), 60));
  return list;
}

// Servers show a token as "▁the", " the", "the" or by its id; bytes and special tokens they show in ways of their own.
std::string bare(std::string_view token) {
  std::string result;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token.substr(i).starts_with("\xE2\x96\x81") || token.substr(i).starts_with("\xC4\xA0")) {  // ▁, Ġ
      i += token[i] == '\xE2' ? 2 : 1;
    } else if (static_cast<unsigned char>(token[i]) > 0x20) {
      result += token[i];
    }
  }
  return result;
}

bool is_plain(std::string_view text) {
  return !text.empty() && !text.starts_with('<') && std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

// Only what both show plainly is compared.
bool contradicts(const std::string& shown, std::int32_t id, std::string_view piece) {
  if (shown.starts_with(kTokenId)) {
    std::int64_t named = -1;
    std::from_chars(shown.data() + kTokenId.size(), shown.data() + shown.size(), named);
    return named != id;
  }
  const std::string theirs = bare(shown), ours = bare(piece);
  return is_plain(theirs) && is_plain(ours) && theirs != ours;
}

void check_tokens(const Json& choice, const EchoPrompt& prompt, std::size_t left_out, const CompletionDialect& dialect) {
  const Json& logprobs = choice.at("logprobs");
  const bool has_tokens = logprobs.contains("tokens") && logprobs.at("tokens").is_array();
  if (!has_tokens && dialect.prompts == CompletionDialect::Prompts::kIds) return;
  const Json& tokens = logprob_list(choice, "tokens");
  for (std::size_t i = left_out; i < prompt.ids.size() && i - left_out < tokens.size(); ++i) {
    const Json& token = tokens[i - left_out];
    if (!token.is_string() || !contradicts(token.get<std::string>(), prompt.ids[i], prompt.pieces.at(i))) continue;
    throw input_error("the server's token {} is '{}', ours is '{}' (id {}): it encodes this prompt otherwise than the tokenizer folder does", i,
                      one_line(token.get<std::string>(), 40), one_line(prompt.pieces[i], 40), prompt.ids[i]);
  }
}

// The prompt's entries, and those generated after it: as many as the server counts, else at most one.
void check_length(std::size_t entries, const Json& choice, std::size_t expected) {
  const std::int64_t generated = counted(choice, "completion_tokens");
  const bool fits = generated < 0 ? entries == expected || entries == expected + 1 : entries == expected + static_cast<std::size_t>(generated);
  if (fits) return;
  throw input_error("the reply has log-probabilities of {} tokens, expected {} of the prompt{}", entries, expected,
                    generated < 0    ? " and at most one more"
                    : generated == 0 ? ""
                                     : fmt::format(" and {} of what was generated", generated));
}

double number_at(const Json& list, std::size_t index) {
  const Json& value = list.at(index);
  if (value.is_null()) throw input_error("the reply has no log-probability for token {}: servers give none for the first one", index);
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    throw input_error("the log-probability of token {} is {}, expected a number", index, one_line(value.dump(), 40));
  }
  if (value.get<double>() > kRounding) throw input_error("the log-probability of token {} is {}, expected at most 0", index, value.dump());
  return value.get<double>();
}

double largest_at(const Json& list, std::size_t index) {
  const Json& top = list.at(index);
  if (!top.is_object() || top.empty()) throw input_error("the reply names no most likely token for place {}", index);
  double largest = -INFINITY;
  for (const auto& [token, value] : top.items()) {
    if (!value.is_number()) throw input_error("a top log-probability of token {} is {}, expected a number", index, one_line(value.dump(), 40));
    largest = std::max(largest, value.get<double>());
  }
  return largest;
}

}  // namespace

std::string echo_body(const std::string& model, const EchoPrompt& prompt, const CompletionDialect& dialect) {
  Json body = base_body(model, prompt.ids, prompt.text, dialect);
  body["echo"] = true;
  body["logprobs"] = 1;
  body["max_tokens"] = 1;  // to some servers 0 means "without end"
  return dumped(body);
}

EchoScore read_echo(std::string_view reply, const EchoPrompt& prompt, const CompletionDialect& dialect) {
  const Json choice = first_choice(reply);
  const Json &numbers = logprob_list(choice, "token_logprobs"), &tops = logprob_list(choice, "top_logprobs");
  const std::size_t left_out = dialect.leaves_out_bos && prompt.begins_with_bos ? 1 : 0;
  const std::size_t expected = prompt.ids.size() - left_out;
  check_length(numbers.size(), choice, expected);
  if (tops.size() != numbers.size()) throw input_error("the reply has {} token_logprobs and {} top_logprobs, expected as many", numbers.size(), tops.size());
  check_tokens(choice, prompt, left_out, dialect);
  EchoScore score;
  for (std::size_t i = expected - prompt.scored; i < expected; ++i) {
    const double value = number_at(numbers, i);
    score.log_likelihood += value;
    score.is_greedy = score.is_greedy && value >= largest_at(tops, i);
  }
  return score;
}

bool echo_leaves_out_bos(std::string_view reply, const EchoPrompt& prompt) {
  const Json choice = first_choice(reply);
  const std::size_t entries = logprob_list(choice, "token_logprobs").size();
  const std::int64_t generated = counted(choice, "completion_tokens");
  if (!prompt.begins_with_bos || entries + 1 < prompt.ids.size()) return false;
  if (generated >= 0) return entries == prompt.ids.size() - 1 + static_cast<std::size_t>(generated);
  return entries == prompt.ids.size() - 1;
}

std::string completion_body(const std::string& model, const CompletionPrompt& prompt, const CompletionDialect& dialect) {
  Json body = base_body(model, prompt.ids, prompt.text, dialect);
  body["max_tokens"] = prompt.max_new_tokens;
  Json stops = Json::array();
  for (const std::string& stop : prompt.until) {
    if (!stop.empty() && stops.size() < kMaxStops) stops.push_back(stop);
  }
  if (!stops.empty()) body["stop"] = std::move(stops);
  return dumped(body);
}

Completion read_completion(std::string_view reply) {
  const Json choice = first_choice(reply);
  const Json& text = member(choice, "text", " in its choice");
  if (!text.is_string()) throw input_error("the reply's \"text\" is {}, expected a string", one_line(text.dump(), 60));
  const Json reason = choice.value("finish_reason", Json());
  return {.text = text.get<std::string>(),
          .is_cut = reason == "length",
          .tokens = std::max<std::int64_t>(counted(choice, "completion_tokens"), 0),
          .prompt_tokens = std::max<std::int64_t>(counted(choice, "prompt_tokens"), 0)};
}

std::string server_message(std::string_view body) {
  try {
    const Json json = parse_json(body, "the reply");
    for (const Json* place : {&json, json.contains("error") ? &json.at("error") : &json}) {
      if (place->is_string()) return place->get<std::string>();
      for (const char* key : {"message", "detail"}) {
        if (place->is_object() && place->contains(key) && !place->at(key).is_object()) {
          const Json& message = place->at(key);
          return message.is_string() ? message.get<std::string>() : message.dump();
        }
      }
    }
  } catch (const Error&) {}  // not JSON: as it is
  return std::string(body);
}

}  // namespace winnow
