#include "harness/text/tokenizer_settings.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string_view>

#include "harness/core/error.h"
#include "harness/core/files.h"

namespace winnow {
namespace {

// These read tokenizer.model with Llama's rules; other classes have rules of their own.
const std::set<std::string> kKnownClasses = {"LlamaTokenizer",         "LlamaTokenizerFast",      "CodeLlamaTokenizer",
                                             "CodeLlamaTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"};

struct SettingsFile {
  std::string path;
  Json json = Json::object();

  bool has(const char* key) const { return json.contains(key) && !json.at(key).is_null(); }
  bool boolean(const char* key, bool fallback) const {
    if (!has(key)) return fallback;
    if (!json.at(key).is_boolean()) throw input_error("{}: {} is {}, expected true or false", path, key, json.at(key).dump());
    return json.at(key).get<bool>();
  }
  std::string string(const char* key, const std::string& fallback) const {
    if (!has(key)) return fallback;
    if (!json.at(key).is_string()) throw input_error("{}: {} is {}, expected a string", path, key, json.at(key).dump());
    return json.at(key).get<std::string>();
  }
};

// "No limit" is written as the integer 1000000000000000019884624838656 (model_max_length), beyond what our JSON door lets in: made a real number.
std::string with_huge_integers_as_reals(std::string_view text) {
  std::string out;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::size_t digits = in_string ? 0 : std::min(text.find_first_not_of("0123456789", at), text.size()) - at;
    if (digits > 0) {
      out.append(text.substr(at, digits));
      at += digits - 1;
      const bool is_integer = at + 1 == text.size() || std::string_view(".eE").find(text[at + 1]) == std::string_view::npos;
      if (digits > 19 && is_integer) out.append("e0");
      continue;
    }
    if (text[at] == '"') in_string = !in_string;
    out.push_back(text[at]);
    if (in_string && text[at] == '\\' && at + 1 < text.size()) out.push_back(text[++at]);
  }
  return out;
}

SettingsFile read_settings_file(const std::filesystem::path& path) {
  SettingsFile file{path.string()};
  if (!std::filesystem::exists(std::filesystem::symlink_status(path))) return file;
  file.json = parse_json(with_huge_integers_as_reals(read_file(path, std::size_t{64} << 20)), file.path);
  if (!file.json.is_object()) throw input_error("{} holds a {}, expected an object", file.path, file.json.type_name());
  return file;
}

// A token is given as its text or as an object with "content".
AddedToken read_token(const Json& value, const std::string& where) {
  AddedToken token;
  if (value.is_string()) {
    token.content = value.get<std::string>();
  } else {
    if (!value.is_object() || !value.contains("content") || !value.at("content").is_string()) {
      throw input_error("{} is {}, expected a string or an object with the string \"content\"", where, value.dump());
    }
    const SettingsFile fields{where, value};
    token.content = fields.string("content", "");
    token.strips_left = fields.boolean("lstrip", false);
    token.strips_right = fields.boolean("rstrip", false);
    token.single_word = fields.boolean("single_word", false);
    token.special = fields.boolean("special", true);
  }
  if (token.content.empty()) throw input_error("{}: the token's text is empty", where);
  return token;
}

// Gathers the added tokens of all files; the first definition of a text wins.
class AddedTokens {
 public:
  AddedTokens(const std::function<std::optional<std::int32_t>(const std::string&)>& piece_id, std::int32_t pieces, std::int64_t vocabulary)
      : piece_id_(piece_id), next_id_(pieces), vocabulary_(vocabulary) {}

  void add(AddedToken token, std::int64_t id, const std::string& where) {
    if (id < 0 || id >= vocabulary_) {
      throw input_error("{}: token '{}' has id {}, but the model's embedding has {} rows; tokenizer and model do not belong together", where, token.content, id,
                        vocabulary_);
    }
    token.id = static_cast<std::int32_t>(id);
    const auto [same_id, is_new] = text_by_id_.try_emplace(token.id, token.content);
    if (!is_new && same_id->second != token.content) throw input_error("{}: tokens '{}' and '{}' both have id {}", where, same_id->second, token.content, id);
    next_id_ = std::max(next_id_, token.id + 1);
    by_text_.try_emplace(token.content, std::move(token));
  }

  // Resolves a token named without its id: an added token, a piece, or a new one behind all others.
  std::int32_t resolve(AddedToken token, const std::string& where) {
    if (const auto known = by_text_.find(token.content); known != by_text_.end()) {
      known->second.special = true;
      return known->second.id;
    }
    token.special = true;
    const std::int32_t id = piece_id_(token.content).value_or(next_id_);
    add(std::move(token), id, where);
    return id;
  }

  std::vector<AddedToken> take() const {
    std::vector<AddedToken> tokens;
    for (const auto& [text, token] : by_text_) tokens.push_back(token);
    return tokens;
  }

 private:
  const std::function<std::optional<std::int32_t>(const std::string&)>& piece_id_;
  std::int32_t next_id_;
  std::int64_t vocabulary_;
  std::map<std::string, AddedToken> by_text_;
  std::map<std::int32_t, std::string> text_by_id_;
};

void read_added_tokens_decoder(const SettingsFile& config, AddedTokens& added) {
  if (!config.has("added_tokens_decoder")) return;
  const Json& tokens = config.json.at("added_tokens_decoder");
  if (!tokens.is_object()) throw input_error("{}: added_tokens_decoder is a {}, expected an object from ids to tokens", config.path, tokens.type_name());
  for (const auto& [key, value] : tokens.items()) {
    std::int64_t id = -1;
    const auto [end, fault] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (fault != std::errc() || end != key.data() + key.size())
      throw input_error("{}: added_tokens_decoder has the key '{}', expected a token id", config.path, key);
    const std::string where = fmt::format("{}: added_tokens_decoder.{}", config.path, key);
    AddedToken token = read_token(value, where);
    if (!value.is_object() || !value.contains("special")) token.special = false;
    added.add(std::move(token), id, where);
  }
}

void read_added_tokens_file(const SettingsFile& file, AddedTokens& added) {
  for (const auto& [text, id] : file.json.items()) {
    if (!id.is_number_integer() || text.empty()) throw input_error("{}: '{}' is {}, expected the id of a token", file.path, text, id.dump());
    AddedToken token{text};
    token.special = false;
    added.add(std::move(token), id.get<std::int64_t>(), file.path);
  }
}

// transformers 5 writes them here only.
void read_added_tokens_of(const SettingsFile& fast, AddedTokens& added) {
  if (!fast.has("added_tokens")) return;
  const Json& tokens = fast.json.at("added_tokens");
  const std::string where = fast.path + ": added_tokens";
  if (!tokens.is_array()) throw input_error("{} is a {}, expected a list of tokens", where, tokens.type_name());
  for (const Json& value : tokens) {
    AddedToken token = read_token(value, where);
    if (!value.is_object() || !value.contains("id") || !value.at("id").is_number_integer())
      throw input_error("{}: '{}' has no whole number as its \"id\"", where, token.content);
    added.add(std::move(token), value.at("id").get<std::int64_t>(), where);
  }
}

// tokenizer_config.json wins over special_tokens_map.json; null means that there is none; absent, Llama's own default is meant.
std::optional<std::int32_t> special_token(const char* key, const char* llama_default, const SettingsFile& config, const SettingsFile& map, AddedTokens& added) {
  for (const SettingsFile* file : {&config, &map}) {
    if (file->has(key)) return added.resolve(read_token(file->json.at(key), fmt::format("{}: {}", file->path, key)), fmt::format("{}: {}", file->path, key));
    if (file->json.contains(key)) return std::nullopt;
  }
  if (llama_default == nullptr) return std::nullopt;
  return added.resolve(AddedToken{llama_default}, fmt::format("{}: {} (by default)", config.path, key));
}

void read_additional(const SettingsFile& file, AddedTokens& added) {
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    if (!file.has(key)) continue;
    const Json& tokens = file.json.at(key);
    if (!tokens.is_array() && !tokens.is_object()) throw input_error("{}: {} is a {}, expected a list of tokens", file.path, key, tokens.type_name());
    for (const Json& token : tokens) added.resolve(read_token(token, fmt::format("{}: {}", file.path, key)), fmt::format("{}: {}", file.path, key));
  }
}

// The steps of tokenizer.json's normalizer, pre_tokenizer or post_processor: a sequence of them, one, or none.
std::vector<Json> steps_of(const SettingsFile& fast, const char* part, const char* list) {
  if (!fast.has(part)) return {};
  const Json& step = fast.json.at(part);
  if (!step.is_object()) throw input_error("{}: {} is a {}, expected an object", fast.path, part, step.type_name());
  if (!step.contains(list)) return {step};
  if (!step.at(list).is_array()) throw input_error("{}: {}.{} is a {}, expected a list", fast.path, part, list, step.at(list).type_name());
  return step.at(list).get<std::vector<Json>>();
}

// Where tokenizer.json and "legacy" disagree, transformers goes by the file. Neither form of the prefix in it: none is put in front.
void read_prefix(const SettingsFile& fast, TokenizerSettings& settings) {
  const auto is_of_type = [](const char* type) { return [type](const Json& step) { return step.is_object() && step.value("type", Json()) == type; }; };
  const std::vector<Json> normalizers = steps_of(fast, "normalizer", "normalizers"), splitters = steps_of(fast, "pre_tokenizer", "pretokenizers");
  if (std::ranges::any_of(normalizers, is_of_type("Prepend"))) {
    settings.legacy_prefix = settings.adds_prefix_space = true;
    return;
  }
  const auto found = std::ranges::find_if(splitters, is_of_type("Metaspace"));
  const SettingsFile metaspace{fast.path + ": Metaspace", found == splitters.end() ? Json::object() : *found};
  const bool is_old_prefix = metaspace.boolean("add_prefix_space", found != splitters.end());  // files of before prepend_scheme
  const std::string scheme = metaspace.string("prepend_scheme", is_old_prefix ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never")
    throw input_error("{}: prepend_scheme is '{}', expected 'always', 'first' or 'never'", metaspace.path, scheme);
  settings.legacy_prefix = scheme == "always";
  settings.adds_prefix_space = scheme != "never";
  settings.keeps_first_space = false;
}

// The special token that a part of tokenizer.json's template stands for; nothing for the text's own place.
std::optional<std::string> special_of(const Json& part, const std::string& where) {
  if (part.is_object() && part.contains("Sequence")) return std::nullopt;
  const std::string id = part.is_object() && part.contains("SpecialToken") ? SettingsFile{where, part.at("SpecialToken")}.string("id", "") : "";
  if (id.empty()) throw input_error("{}: a part of the template is {}, expected a SpecialToken with its id or a Sequence", where, part.dump());
  return id;
}

// transformers 5 goes by the template alone, whatever add_bos_token and add_eos_token say, and saves neither.
void read_template(const SettingsFile& fast, AddedTokens& added, TokenizerSettings& settings) {
  const std::string where = fast.path + ": post_processor";
  settings.adds_bos = settings.adds_eos = false;
  for (const Json& step : steps_of(fast, "post_processor", "processors")) {
    const std::string type = SettingsFile{where, step}.string("type", "");
    if (type == "ByteLevel") continue;  // says where tokens lie, not which there are
    if (type != "TemplateProcessing" || !step.contains("single") || !step.at("single").is_array())
      throw unsupported_error("{} of type '{}' is not done yet; Winnow reads TemplateProcessing", where, type);
    bool is_behind = false;
    for (const Json& part : step.at("single")) {
      const std::optional<std::string> token = special_of(part, where);
      is_behind = is_behind || !token;
      if (!token) continue;
      bool& adds = is_behind ? settings.adds_eos : settings.adds_bos;
      if (adds || added.resolve(AddedToken{*token}, where) != (is_behind ? settings.eos : settings.bos)) {
        throw unsupported_error("{} puts '{}' {} a text; Winnow puts one BOS token before it and one EOS token behind it", where, *token,
                                is_behind ? "behind" : "before");
      }
      adds = true;
    }
  }
}

}  // namespace

TokenizerSettings read_tokenizer_settings(const std::filesystem::path& folder, const std::function<std::optional<std::int32_t>(const std::string&)>& piece_id,
                                          std::int32_t pieces, std::int64_t vocabulary) {
  const SettingsFile config = read_settings_file(folder / "tokenizer_config.json");
  const SettingsFile map = read_settings_file(folder / "special_tokens_map.json");
  const SettingsFile added_file = read_settings_file(folder / "added_tokens.json");
  const SettingsFile fast = read_settings_file(folder / "tokenizer.json");

  const std::string tokenizer_class = config.string("tokenizer_class", "LlamaTokenizer");
  if (!kKnownClasses.contains(tokenizer_class)) {
    throw unsupported_error("{}: tokenizer_class '{}' is not done yet; Winnow reads tokenizer.model with the rules of LlamaTokenizer", config.path,
                            tokenizer_class);
  }
  AddedTokens added(piece_id, pieces, vocabulary);
  read_added_tokens_decoder(config, added);
  read_added_tokens_file(added_file, added);
  read_added_tokens_of(fast, added);

  TokenizerSettings settings;
  settings.bos = special_token("bos_token", "<s>", config, map, added);
  settings.eos = special_token("eos_token", "</s>", config, map, added);
  special_token("unk_token", "<unk>", config, map, added);
  for (const char* key : {"pad_token", "sep_token", "cls_token", "mask_token"}) special_token(key, nullptr, config, map, added);
  read_additional(config, added);
  read_additional(map, added);

  settings.adds_bos = config.boolean("add_bos_token", true);
  settings.adds_eos = config.boolean("add_eos_token", false);
  settings.legacy_prefix = config.boolean("legacy", true);
  settings.adds_prefix_space = settings.legacy_prefix || config.boolean("add_prefix_space", true);
  if (!fast.json.empty()) {
    read_prefix(fast, settings);
    read_template(fast, added, settings);
  }
  settings.added = added.take();
  settings.cleans_up_spaces = config.boolean("clean_up_tokenization_spaces", false);
  if (settings.adds_bos && !settings.bos) throw input_error("{}: add_bos_token is true but bos_token is null; set one of the two", config.path);
  if (settings.adds_eos && !settings.eos) throw input_error("{}: add_eos_token is true but eos_token is null; set one of the two", config.path);
  return settings;
}

Json TokenizerSettings::to_json() const {
  Json tokens = Json::array();
  for (const AddedToken& token : added) {
    tokens.push_back({{"content", token.content},
                      {"id", token.id},
                      {"lstrip", token.strips_left},
                      {"rstrip", token.strips_right},
                      {"single_word", token.single_word},
                      {"special", token.special}});
  }
  Json json = {{"added", tokens},
               {"add_bos", adds_bos},
               {"add_eos", adds_eos},
               {"legacy", legacy_prefix},
               {"add_prefix_space", adds_prefix_space},
               {"clean_up", cleans_up_spaces}};
  if (!keeps_first_space) json["keeps_first_space"] = false;  // left out where true: digests of before hold
  json["bos"] = bos ? Json(*bos) : Json();
  json["eos"] = eos ? Json(*eos) : Json();
  return json;
}

}  // namespace winnow
