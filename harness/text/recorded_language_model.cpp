#include "harness/text/recorded_language_model.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <unordered_map>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/json.h"
#include "harness/core/terminal.h"
#include "harness/text/request_lines.h"
#include "harness/text/windows.h"

namespace winnow {
namespace {

using Key = std::array<std::uint8_t, 32>;

struct HashKey {
  std::size_t operator()(const Key& key) const {
    std::size_t hash = 0;
    std::memcpy(&hash, key.data(), sizeof hash);
    return hash;
  }
};

Key make_key(std::string_view kind, std::string_view text_sha256, std::string_view continuation) {
  return sha256_bytes(fmt::format("{}\n{}\n{}", kind, text_sha256, continuation));
}

// A reply stays in the file: only where its line is, and what it was.
struct Record {
  double log_likelihood = 0;
  bool is_greedy = false;
  std::uint64_t line_offset = 0;
  std::uint32_t line_number = 0;
  std::array<std::uint8_t, 16> reply_digest{};
};

constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20;

class RecordedLine {
 public:
  RecordedLine(Json json, std::string where) : json_(std::move(json)), where_(std::move(where)) {
    if (!json_.is_object()) throw input_error("{}: holds a {}, expected an object with \"kind\"", where_, json_.type_name());
  }

  const std::string& string(const char* key) const {
    if (!json_.contains(key)) throw input_error("{}: \"{}\" is missing", where_, key);
    if (!json_.at(key).is_string()) throw input_error("{}: \"{}\" is {}, expected a string", where_, key, one_line(json_.at(key).dump(), 60));
    return json_.at(key).get_ref<const std::string&>();
  }
  double log_likelihood() const {
    if (!json_.contains("log_likelihood")) throw input_error("{}: \"log_likelihood\" is missing", where_);
    const Json& value = json_.at("log_likelihood");
    if (!value.is_number()) throw input_error("{}: \"log_likelihood\" is {}, expected a number", where_, one_line(value.dump(), 60));
    if (value.get<double>() > 0) throw input_error("{}: \"log_likelihood\" is {}, but the logarithm of a probability is at most 0", where_, value.dump());
    return value.get<double>();
  }
  bool boolean(const char* key) const {
    if (!json_.contains(key)) throw input_error("{}: \"{}\" is missing", where_, key);
    if (!json_.at(key).is_boolean()) throw input_error("{}: \"{}\" is {}, expected true or false", where_, key, one_line(json_.at(key).dump(), 60));
    return json_.at(key).get<bool>();
  }
  // Digest of a text given as itself or by its digest.
  std::string text_sha256(const std::string& key) const {
    const std::string digest_key = key + "_sha256";
    if (!json_.contains(key) && !json_.contains(digest_key)) throw input_error("{}: neither \"{}\" nor \"{}\" is there", where_, key, digest_key);
    std::string digest;
    if (json_.contains(digest_key)) {
      digest = string(digest_key.c_str());
      if (digest.size() != 64 || digest.find_first_not_of("0123456789abcdef") != std::string::npos) {
        throw input_error("{}: \"{}\" is \"{}\", expected 64 hexadecimal digits in lower case", where_, digest_key, one_line(digest, 70));
      }
    }
    if (!json_.contains(key)) return digest;
    const std::string of_text = sha256_hex(string(key.c_str()));
    if (!digest.empty() && digest != of_text) throw input_error("{}: \"{}\" is not the sha256 of \"{}\", which is {}", where_, digest_key, key, of_text);
    return of_text;
  }
  const std::string& where() const { return where_; }

 private:
  Json json_;
  std::string where_;
};

class RecordedLanguageModel : public LanguageModel {
 public:
  explicit RecordedLanguageModel(const std::filesystem::path& path) : path_(path.string()) {
    std::error_code fault;
    if (!std::filesystem::is_regular_file(path, fault)) throw input_error("{}: there is no such file of recorded outputs", path_);
    file_.open(path, std::ios::binary);
    if (!file_) throw input_error("{}: cannot be opened for reading", path_);
    std::uint64_t offset = 0;
    std::uint32_t number = 0;
    while (const auto line = next_line()) {
      ++number;
      if (line->find_first_not_of(" \t\r") != std::string::npos) add(*line, offset, number);
      offset += line->size() + 1;
    }
    if (records_.empty()) throw input_error("{}: holds no recorded outputs; expected one JSON object a line", path_);
  }

  void answer(std::span<const Request> requests, const AnswerSettings&, const OnResponse& on_response) override {
    for (std::size_t index = 0; index < requests.size(); ++index) {
      if (on_response(index, find(requests[index])) == Continue::kNo) return;
    }
  }

  std::vector<std::int32_t> encode(std::string_view, Special) const override { throw unsupported_error("{}: recorded outputs have no tokenizer", path_); }
  WorkCounters counters() const override { return {}; }

 private:
  std::optional<std::string> next_line() {
    std::string line;
    if (!std::getline(file_, line)) return std::nullopt;
    if (line.size() > kMaxLineBytes) throw input_error("{}: line of {} bytes, more than {}", path_, line.size(), kMaxLineBytes);
    return line;
  }

  void add(const std::string& text, std::uint64_t offset, std::uint32_t number) {
    const std::string where = fmt::format("{}:{}", path_, number);
    const RecordedLine line(parse_json(text, where), where);
    const std::string& kind = line.string("kind");
    Record record{.line_offset = offset, .line_number = number};
    Key key;
    if (kind == "generate") {
      key = make_key(kind, line.text_sha256("context"), "");
      const auto digest = sha256_bytes(line.string("reply"));
      std::copy_n(digest.begin(), record.reply_digest.size(), record.reply_digest.begin());
    } else if (kind == "score") {
      key = make_key(kind, line.text_sha256("context"), line.string("continuation"));
      record.log_likelihood = line.log_likelihood();
      record.is_greedy = line.boolean("is_greedy");
    } else if (kind == "rolling") {
      key = make_key(kind, line.text_sha256("text"), "");
      record.log_likelihood = line.log_likelihood();
    } else {
      throw input_error("{}: \"kind\" is \"{}\", expected generate, score or rolling", where, one_line(kind, 40));
    }
    const auto [known, is_new] = records_.try_emplace(key, record);
    const Record& first = known->second;
    if (!is_new && (first.log_likelihood != record.log_likelihood || first.is_greedy != record.is_greedy || first.reply_digest != record.reply_digest)) {
      throw input_error("{}: this request was answered otherwise in line {}; keep one of the two", where, first.line_number);
    }
  }

  Response find(const Request& request) {
    const auto record_of = [&](const Key& key) -> const Record& {
      const auto position = records_.find(key);
      if (position == records_.end())
        throw input_error("{} has no answer to the {}; record it (`winnow requests` writes all requests of a sweep)", path_, describe(request));
      return position->second;
    };
    if (const auto* score = std::get_if<ScoreRequest>(&request)) {
      const Record& record = record_of(make_key("score", sha256_hex(score->context), score->continuation));
      return {.log_likelihood = record.log_likelihood, .is_greedy = record.is_greedy};
    }
    if (const auto* rolling = std::get_if<RollingRequest>(&request))
      return {.log_likelihood = record_of(make_key("rolling", sha256_hex(rolling->text), "")).log_likelihood};
    if (const auto* generate = std::get_if<GenerateRequest>(&request)) {
      return {.text = cut_at_stop_strings(read_reply(record_of(make_key("generate", sha256_hex(generate->context), ""))), generate->until)};
    }
    throw unsupported_error("{}: recorded outputs answer no windows of token ids; run the task on a model with weights", path_);
  }

  std::string read_reply(const Record& record) {
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(record.line_offset));
    const std::string where = fmt::format("{}:{}", path_, record.line_number);
    const auto text = next_line();
    if (!text) throw input_error("{}: the line is gone; the file changed since it was opened", where);
    const RecordedLine line(parse_json(*text, where), where);
    const std::string& reply = line.string("reply");
    const auto digest = sha256_bytes(reply);
    if (!std::equal(record.reply_digest.begin(), record.reply_digest.end(), digest.begin()))
      throw input_error("{}: the reply is not what it was; the file changed since it was opened", where);
    return reply;
  }

  std::string path_;
  std::ifstream file_;
  std::unordered_map<Key, Record, HashKey> records_;
};

}  // namespace

std::unique_ptr<LanguageModel> open_recorded_outputs(const std::filesystem::path& path) { return std::make_unique<RecordedLanguageModel>(path); }

}  // namespace winnow
