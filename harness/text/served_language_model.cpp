#include "harness/text/served_language_model.h"

#include <cstdlib>

#include "harness/core/error.h"
#include "harness/text/endpoint.h"
#include "harness/text/request_encoder.h"
#include "harness/text/request_lines.h"

namespace winnow {
namespace {

constexpr std::int64_t kDefaultContext = 2048, kUnknownVocabulary = std::int64_t{1} << 31;

struct Served {
  Address endpoint;
  ServedOptions options;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<HttpClient> client;
  CompletionDialect dialect;
  std::int64_t max_length = 0, vocabulary = 0;
};

// One request to the server. A request to us may need several: the windows of a long text.
struct Part {
  std::size_t owner = 0;
  TokenIds ids;            // with the scored ones
  std::size_t scored = 0;  // 0: to be continued
};

class ServedLanguageModel : public LanguageModel {
 public:
  explicit ServedLanguageModel(Served served) : served_(std::move(served)), url_(served_.endpoint.text + "/completions") {}

  void answer(std::span<const Request> requests, const AnswerSettings& settings, const OnResponse& on_response) override {
    const RequestEncoder encoder(served_.tokenizer.get(), settings, served_.max_length, served_.vocabulary);
    Call call{.requests = requests, .on_response = on_response, .states = std::vector<State>(requests.size()), .parts = {}};
    for (std::size_t index = 0; index < requests.size(); ++index) {
      if (plan(call, index, encoder) == Continue::kNo) return;
    }
    served_.client->run({.count = call.parts.size(),
                         .request =
                             [&](std::size_t part) {
                               return HttpRequest{url_, body_of(call, call.parts[part])};
                             },
                         .take = [&](std::size_t part, const HttpReply& reply) { return take(call, call.parts[part], reply); }});
  }

  std::vector<std::int32_t> encode(std::string_view text, Special special) const override {
    return served_.tokenizer->encode(text, special == Special::kAdd ? Tokenizer::Special::kAdd : Tokenizer::Special::kNone);
  }

  WorkCounters counters() const override { return counters_; }

 private:
  struct State {
    Response response;
    std::size_t missing = 0;  // parts
  };
  struct Call {
    std::span<const Request> requests;
    const OnResponse& on_response;
    std::vector<State> states;
    std::vector<Part> parts;
  };

  Continue plan(Call& call, std::size_t index, const RequestEncoder& encoder) {
    State& state = call.states[index];
    if (std::optional<RequestEncoder::Continued> prompt = encoder.prompt_of(call.requests[index])) {
      state = {.response = {.prompt_truncated = prompt->truncated}, .missing = 1};
      call.parts.push_back({index, std::move(prompt->ids), 0});
      return Continue::kYes;
    }
    if (served_.options.scoring == ServedOptions::Scoring::kNone) {
      throw unsupported_error("{} is used with \"scoring\": \"none\", so it answers no {}", served_.endpoint.text, describe(call.requests[index]));
    }
    std::optional<RequestEncoder::Rows> rows = encoder.rows_of(call.requests[index]);
    counters_.merged_boundaries += rows->merged_boundary ? 1 : 0;
    state = {.response = {.is_greedy = true, .prompt_truncated = rows->truncated}, .missing = rows->parts.size()};
    if (rows->parts.empty()) return call.on_response(index, state.response);
    for (ScoredRows& row : rows->parts) {
      const std::size_t scored = row.targets.size();
      row.input.push_back(row.targets.back());
      call.parts.push_back({index, std::move(row.input), scored});
    }
    return Continue::kYes;
  }

  bool sends_text() const { return served_.dialect.prompts == CompletionDialect::Prompts::kText; }

  std::string body_of(const Call& call, const Part& part) const {
    const std::string text = sends_text() ? prompt_text(*served_.tokenizer, part.ids) : "";
    if (part.scored > 0) return echo_body(served_.options.model, {.ids = part.ids, .scored = part.scored, .pieces = {}, .text = text}, served_.dialect);
    const auto& request = std::get<GenerateRequest>(call.requests[part.owner]);
    return completion_body(served_.options.model, {part.ids, text, request.until, request.max_new_tokens}, served_.dialect);
  }

  ReplyVerdict take(Call& call, const Part& part, const HttpReply& reply) {
    if (reply.status != 200) {
      throw input_error("{} (the {}, {} tokens)", refusal(*served_.client, url_, reply).what(), describe(call.requests[part.owner]), part.ids.size());
    }
    State& state = call.states[part.owner];
    try {
      read(call, part, reply.body, state.response);
    } catch (const Error& error) {  // perhaps cut on its way
      return {ReplyVerdict::Kind::kFaulty, fmt::format("{} (of the {})", error.what(), describe(call.requests[part.owner]))};
    }
    if (--state.missing > 0) return {};
    return {call.on_response(part.owner, state.response) == Continue::kYes ? ReplyVerdict::Kind::kTaken : ReplyVerdict::Kind::kEnough};
  }

  // Changes nothing unless all of the reply is well.
  void read(const Call& call, const Part& part, const std::string& body, Response& response) {
    const auto tokens = static_cast<std::int64_t>(part.ids.size());
    if (part.scored > 0) {
      const EchoScore score = read_echo(body, make_echo_prompt(*served_.tokenizer, part.ids, part.scored), served_.dialect);
      response.log_likelihood += score.log_likelihood;
      response.is_greedy = response.is_greedy && score.is_greedy;
      counters_.tokens_asked += tokens - 1;
      counters_.tokens_forwarded += tokens;
      return;
    }
    const Completion completion = read_completion(body);
    if (sends_text() && completion.prompt_tokens > 0 && completion.prompt_tokens != tokens) {
      throw input_error("the server made {} tokens of a prompt of {}: it encodes it otherwise than the tokenizer folder does", completion.prompt_tokens,
                        tokens);
    }
    response.text = cut_at_stop_strings(completion.text, std::get<GenerateRequest>(call.requests[part.owner]).until);
    response.reply_truncated = completion.is_cut && response.text.size() == completion.text.size();  // a server is sent four stop strings at most
    counters_.tokens_asked += tokens + std::max<std::int64_t>(completion.tokens - 1, 0);
    counters_.tokens_forwarded += tokens + std::max<std::int64_t>(completion.tokens - 1, 0);
    counters_.tokens_decoded += std::max<std::int64_t>(completion.tokens - 1, 0);
  }

  Served served_;
  std::string url_;
  WorkCounters counters_;
};

// The value is shown nowhere, not even where it is at fault.
std::string key_from(const std::string& variable) {
  if (variable.empty()) return "";
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr || *value == '\0')
    throw input_error("the environment variable {} that \"api_key_env\" names is not set; export the key in it", variable);
  const std::string key = value;
  for (const unsigned char c : key) {
    if (c <= 0x20 || c >= 0x7f) throw input_error("the environment variable {} holds white space or a control character, which no key has", variable);
  }
  return key;
}

// Of the config.json beside the tokenizer, whatever its architecture; 0: not said.
std::int64_t config_number(const std::filesystem::path& folder, const char* key) {
  const std::filesystem::path file = folder / "config.json";
  if (!std::filesystem::exists(file)) return 0;
  const Json config = read_json_file(file);
  return config.is_object() && config.contains(key) && config.at(key).is_number_unsigned() ? config.at(key).get<std::int64_t>() : 0;
}

}  // namespace

ServedModel open_served_model(const ServedOptions& options) {
  Served served{.endpoint = parse_address(options.endpoint), .options = options, .tokenizer = {}, .client = {}, .dialect = {}};
  served.vocabulary = config_number(options.tokenizer, "vocab_size");
  served.tokenizer = Tokenizer::open(options.tokenizer, served.vocabulary > 0 ? served.vocabulary : kUnknownVocabulary);
  HttpSettings http = options.http;
  http.bearer = key_from(options.api_key_env);
  HttpSettings at_first = http;  // a mistyped address is told in seconds
  at_first.connect_attempts = std::min(http.connect_attempts, 3);
  HttpClient prober(at_first);
  const ServerFacts facts = ask_for_facts(prober, served.endpoint, options.model);
  served.dialect = ask_for_dialect(prober, served.endpoint, options, facts, *served.tokenizer);
  served.client = std::make_unique<HttpClient>(std::move(http));
  // An echo has one id more than rows, and one is generated after it.
  const std::int64_t own_limit = config_number(options.tokenizer, "max_position_embeddings");
  const std::int64_t context = facts.context > 0 ? facts.context : own_limit > 0 ? own_limit : kDefaultContext;
  served.max_length = options.max_length > 0 ? options.max_length : std::max<std::int64_t>(context - 2, 1);

  ServedModel result;
  result.identity = {{"endpoint", served.endpoint.text},
                     {"model", options.model},
                     {"server", facts.server},
                     {"version", facts.version},
                     {"weights", facts.weights},
                     {"max_length", served.max_length},
                     {"scoring", options.scoring == ServedOptions::Scoring::kEcho ? "echo" : "none"}};
  result.tokenizer_sha256 = served.tokenizer->digest();
  result.bos_id = served.tokenizer->bos_id();
  result.model = std::make_unique<ServedLanguageModel>(std::move(served));
  return result;
}

}  // namespace winnow
