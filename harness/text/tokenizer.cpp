#include "harness/text/tokenizer.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/core/json.h"
#include "harness/core/unicode.h"
#include "harness/text/sentencepiece_check.h"
#include "harness/text/token_text.h"
#include "harness/text/tokenizer_settings.h"
#include "harness/text/unigram.h"
#include "harness/text/word_cache.h"

namespace winnow {
namespace {

// Field 3 (normalizer_spec) with field 3 (add_dummy_prefix) false: appended to a model it overrides that one switch.
constexpr std::string_view kWithoutDummyPrefix("\x1a\x02\x18\x00", 4);

std::unique_ptr<sentencepiece::SentencePieceProcessor> load_sentencepiece(std::string_view bytes, const std::string& source) {
  auto processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
  try {
    const auto status = processor->LoadFromSerializedProto(absl::string_view(bytes.data(), bytes.size()));
    if (!status.ok()) throw input_error("{}: SentencePiece refuses it: {}", source, status.ToString());
  } catch (const Error&) {
    throw;
  } catch (const std::exception& fault) {
    throw input_error("{}: SentencePiece refuses it: {}", source, fault.what());
  }
  return processor;
}

constexpr std::string_view kPieceSpace = "\xe2\x96\x81";  // ▁

bool is_word_byte(char byte) {
  return byte == '_' || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte & 0x80) != 0;
}

class LlamaTokenizer : public Tokenizer {
 public:
  LlamaTokenizer(const std::filesystem::path& folder, std::int64_t vocabulary) {
    const std::string source = (folder / "tokenizer.model").string();
    std::string bytes = read_file(source);
    const SentencePieceKind kind = check_sentencepiece_model(bytes, source, vocabulary);
    const std::string model_digest = sha256_hex(bytes);
    begin_ = load_sentencepiece(bytes, source);
    pieces_ = begin_->GetPieceSize();
    for (std::int32_t id = 0; id < pieces_; ++id) id_of_piece_.try_emplace(begin_->IdToPiece(id), id);
    const auto piece_id = [this](const std::string& text) -> std::optional<std::int32_t> {
      const auto position = id_of_piece_.find(text);
      return position == id_of_piece_.end() ? std::nullopt : std::optional(position->second);
    };
    settings_ = read_tokenizer_settings(folder, piece_id, pieces_, vocabulary);
    id_of_piece_.clear();
    const bool is_plain_bpe = kind.is_bpe && !kind.maps_characters && !kind.removes_spaces && kind.adds_dummy_prefix && !kind.has_other_switches;
    const bool has_words = is_plain_bpe && WordCache::fits(*begin_);
    if (!settings_.legacy_prefix || !settings_.keeps_first_space || has_words) inside_ = load_sentencepiece(bytes.append(kWithoutDummyPrefix), source);
    if (has_words) words_ = std::make_unique<WordCache>(*inside_);
    if (!kind.is_bpe && !kind.has_other_switches && !kind.has_byte_pieces) unigram_ = std::make_unique<UnigramSegmenter>(*begin_);
    for (std::size_t i = 0; i < settings_.added.size(); ++i) {
      const AddedToken& token = settings_.added[i];
      by_first_byte_[static_cast<std::uint8_t>(token.content[0])].push_back(i);
      by_id_.emplace(token.id, i);
    }
    for (auto& tokens : by_first_byte_) {
      std::sort(tokens.begin(), tokens.end(), [this](auto a, auto b) { return settings_.added[a].content.size() > settings_.added[b].content.size(); });
    }
    digest_ = sha256_hex(canonical_json({{"model", model_digest}, {"settings", settings_.to_json()}}));
  }

  std::vector<std::int32_t> encode(std::string_view text, Special special) const override {
    std::vector<std::int32_t> ids;
    if (special == Special::kAdd && settings_.adds_bos) ids.push_back(*settings_.bos);
    const std::string_view whole = text;
    while (!text.empty()) {
      const std::optional<Match> match = find_added(whole, text.data() - whole.data());
      std::string_view plain = text.substr(0, match ? match->start - static_cast<std::size_t>(text.data() - whole.data()) : text.size());
      std::string_view rest = match ? whole.substr(match->start + match->token->content.size()) : std::string_view();
      if (match && match->token->strips_left) plain = strip_right(plain);
      if (match && match->token->strips_right) rest = strip_left(rest);
      append_pieces(plain, text.data() == whole.data(), ids);
      if (match) ids.push_back(match->token->id);
      text = rest;
    }
    if (special == Special::kAdd && settings_.adds_eos) ids.push_back(*settings_.eos);
    return ids;
  }

  std::string decode(const std::vector<std::int32_t>& ids, SpecialText special) const override {
    TokenText text;
    for (const std::int32_t id : ids) {
      const auto added = by_id_.find(id);
      if (added != by_id_.end()) {
        const AddedToken& token = settings_.added[added->second];
        if (special == SpecialText::kKeep || !token.special) text.append(token.content);
      } else if (id >= 0 && id < pieces_) {  // padded vocabularies have rows without a piece: no text
        text.append(begin_->IdToPiece(id));
      }
    }
    std::string decoded = text.finish();
    if (settings_.adds_prefix_space && decoded.starts_with(' ')) decoded.erase(0, 1);
    return settings_.cleans_up_spaces ? clean_up_spaces(std::move(decoded)) : decoded;
  }

  std::optional<std::int32_t> bos_id() const override { return settings_.bos; }
  std::optional<std::int32_t> eos_id() const override { return settings_.eos; }
  bool adds_bos() const override { return settings_.adds_bos; }
  std::string digest() const override { return digest_; }

 private:
  struct Match {
    std::size_t start;
    const AddedToken* token;
  };

  // The first added token at or after `from`; the longest where several begin.
  std::optional<Match> find_added(std::string_view text, std::size_t from) const {
    for (std::size_t at = from; at < text.size(); ++at) {
      for (const std::size_t index : by_first_byte_[static_cast<std::uint8_t>(text[at])]) {
        const AddedToken& token = settings_.added[index];
        const std::size_t end = at + token.content.size();
        if (text.compare(at, token.content.size(), token.content) != 0) continue;
        if (token.single_word && ((at > 0 && is_word_byte(text[at - 1])) || (end < text.size() && is_word_byte(text[end])))) continue;
        return Match{at, &token};
      }
    }
    return std::nullopt;
  }

  void append_pieces(std::string_view text, bool begins_whole_text, std::vector<std::int32_t>& ids) const {
    if (text.empty()) return;
    const bool has_own = !settings_.keeps_first_space && (text.starts_with(' ') || text.starts_with(kPieceSpace));
    const bool prefixed = !has_own && (settings_.legacy_prefix || (begins_whole_text && settings_.adds_prefix_space));
    if (words_) {
      words_->append_ids(prefixed ? std::string(" ").append(text) : std::string(text), ids);
      return;
    }
    if (unigram_ && prefixed) {
      const auto pieces = unigram_->encode(text);
      ids.insert(ids.end(), pieces.begin(), pieces.end());
      return;
    }
    std::vector<int> pieces;
    const auto status = (prefixed ? begin_ : inside_)->Encode(absl::string_view(text.data(), text.size()), &pieces);
    if (!status.ok()) throw_cannot_encode(text.size(), status.ToString());
    ids.insert(ids.end(), pieces.begin(), pieces.end());
  }

  std::unique_ptr<sentencepiece::SentencePieceProcessor> begin_;   // puts ▁ in front
  std::unique_ptr<sentencepiece::SentencePieceProcessor> inside_;  // does not; only where some text gets none, and for words_
  std::unique_ptr<WordCache> words_;                               // where the model allows it
  std::unique_ptr<UnigramSegmenter> unigram_;                      // for Unigram models
  std::unordered_map<std::string, std::int32_t> id_of_piece_;
  std::int32_t pieces_ = 0;
  TokenizerSettings settings_;
  std::array<std::vector<std::size_t>, 256> by_first_byte_;  // into settings_.added, longest first
  std::unordered_map<std::int32_t, std::size_t> by_id_;
  std::string digest_;
};

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::open(const std::filesystem::path& folder, std::int64_t vocabulary) {
  if (std::filesystem::exists(folder / "tokenizer.model")) return std::make_unique<LlamaTokenizer>(folder, vocabulary);
  if (std::filesystem::exists(folder / "tokenizer.json")) {
    throw unsupported_error("{} has only a tokenizer.json, which is not done yet; Winnow reads SentencePiece's tokenizer.model", folder.string());
  }
  throw input_error("{} has no tokenizer.model; a model folder needs its tokenizer for tasks on text, fetch it from the same place as the weights",
                    folder.string());
}

}  // namespace winnow
