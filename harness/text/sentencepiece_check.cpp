#include "harness/text/sentencepiece_check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/unicode.h"
#include "harness/text/protobuf.h"

namespace winnow {
namespace {

using Wire = ProtobufReader::Wire;

constexpr std::size_t kMaxPieceBytes = 64 << 10;
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;  // bounds the library's recursion over pieces built from pieces
constexpr std::size_t kMaxCharsmapBytes = std::size_t{16} << 20;
constexpr int kMaxMatches = 32;  // the library's fixed array of prefix matches
constexpr int kMaxDepth = 4096;

// A normaliser's rules: a little-endian length, a Darts double-array trie of that many bytes, and NUL-terminated replacement strings.
// Darts trusts its array: each step reads unit base ^ byte for whatever byte the text holds, so the whole block of 256 must be inside.
class CharsmapCheck {
 public:
  CharsmapCheck(std::string_view blob, std::string where) : where_(std::move(where)) {
    if (blob.size() < 8) throw input_error("{}: precompiled_charsmap has {} bytes, too few for a trie; the file is damaged", where_, blob.size());
    const std::uint32_t trie_bytes = word(blob, 0);
    if (trie_bytes < 4 || trie_bytes % 4 != 0 || trie_bytes > blob.size() - 4) {
      throw input_error("{}: precompiled_charsmap claims a trie of {} bytes within {}; the file is damaged", where_, trie_bytes, blob.size());
    }
    units_.resize(trie_bytes / 4);
    for (std::size_t i = 0; i < units_.size(); ++i) units_[i] = word(blob, 4 + 4 * i);
    replacements_ = blob.substr(4 + trie_bytes);
    deepest_.assign(units_.size(), kUnseen);
  }

  void run() { visit(0, 0); }

 private:
  static constexpr std::int16_t kUnseen = -1, kOnPath = -2;

  static std::uint32_t word(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[at + static_cast<std::size_t>(i)])) << (8 * i);
    return value;
  }
  static std::uint32_t offset(std::uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }
  static std::uint32_t label(std::uint32_t unit) { return unit & ((1u << 31) | 0xFF); }
  static bool has_leaf(std::uint32_t unit) { return (unit >> 8) & 1; }

  // Returns the largest number of matches on a way down from this node. Nodes may be shared (the trie is stored as a word graph).
  int visit(std::uint32_t node, int depth) {
    if (deepest_[node] == kOnPath || depth > kMaxDepth)
      throw input_error("{}: the trie of precompiled_charsmap runs in a circle at unit {}; the file is damaged", where_, node);
    if (deepest_[node] != kUnseen) return deepest_[node];
    deepest_[node] = kOnPath;
    const std::uint32_t base = node ^ offset(units_[node]);
    if ((base | 0xFF) >= units_.size()) {
      throw input_error("{}: unit {} of precompiled_charsmap's trie points to {}, beyond its {} units; the file is damaged", where_, node, base, units_.size());
    }
    int matches = 0;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      if (label(units_[base ^ byte]) == byte) matches = std::max(matches, visit(base ^ byte, depth + 1));
    }
    if (node != 0 && has_leaf(units_[node])) {
      check_replacement(units_[base] & 0x7FFFFFFF);
      ++matches;
    }
    if (matches > kMaxMatches) throw input_error("{}: precompiled_charsmap has more than {} rules that begin alike; the file is damaged", where_, kMaxMatches);
    deepest_[node] = static_cast<std::int16_t>(matches);
    return matches;
  }

  void check_replacement(std::uint32_t start) const {
    const std::size_t end = start < replacements_.size() ? replacements_.find('\0', start) : std::string_view::npos;
    if (end == std::string_view::npos)
      throw input_error("{}: a rule of precompiled_charsmap points to text at {}, beyond {} bytes; the file is damaged", where_, start, replacements_.size());
    if (!is_valid_utf8(replacements_.substr(start, end - start)))
      throw input_error("{}: the text of a rule of precompiled_charsmap is not UTF-8; the file is damaged", where_);
  }

  std::string where_;
  std::vector<std::uint32_t> units_;
  std::string_view replacements_;
  std::vector<std::int16_t> deepest_;
};

// Type numbers of the format: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte.
void check_piece(std::string_view message, std::string where, SentencePieceKind& kind) {
  ProtobufReader reader(message, std::move(where));
  std::string_view piece;
  while (const auto field = reader.next()) {
    if (field->number == 1) {
      reader.expect(*field, Wire::kBytes, "piece");
      piece = field->bytes;
    } else if (field->number == 2) {
      reader.expect(*field, Wire::kFixed32, "score");
      if (std::isnan(std::bit_cast<float>(static_cast<std::uint32_t>(field->value))))
        throw input_error("{}: its score is not a number; the file is damaged", reader.where());
    } else if (field->number == 3) {
      reader.expect(*field, Wire::kVarint, "type");
      if (field->value < 1 || field->value > 6) throw input_error("{}: type {} is unknown, expected 1 to 6; the file is damaged", reader.where(), field->value);
      if (field->value == 4) kind.has_other_switches = true;
      if (field->value == 6) kind.has_byte_pieces = true;
    }
  }
  if (piece.empty()) throw input_error("{}: its text is empty; the file is damaged", reader.where());
  if (piece.size() > kMaxPieceBytes)
    throw input_error("{}: its text has {} bytes, more than {}; the file is damaged", reader.where(), piece.size(), kMaxPieceBytes);
  if (!is_valid_utf8(piece)) throw input_error("{}: its text is not UTF-8; the file is damaged", reader.where());
  if (piece.find('\0') != std::string_view::npos) throw input_error("{}: its text holds a NUL byte; the file is damaged", reader.where());
}

void check_trainer(std::string_view message, std::string where, SentencePieceKind& kind) {
  ProtobufReader reader(message, std::move(where));
  while (const auto field = reader.next()) {
    if (field->number == 3) {
      reader.expect(*field, Wire::kVarint, "model_type");
      if (field->value == 3 || field->value == 4)
        throw unsupported_error("{}: a SentencePiece model of {}; Winnow reads unigram and BPE", reader.where(), field->value == 3 ? "words" : "characters");
      if (field->value < 1 || field->value > 4)
        throw input_error("{}: model_type {} is unknown, expected 1 (unigram) or 2 (BPE); the file is damaged", reader.where(), field->value);
      kind.is_bpe = field->value == 2;
    } else if (field->number == 24) {
      reader.expect(*field, Wire::kVarint, "treat_whitespace_as_suffix");
      if (field->value != 0) kind.has_other_switches = true;
    } else if (field->number == 35) {
      reader.expect(*field, Wire::kVarint, "byte_fallback");
    } else if (field->number >= 40 && field->number <= 43) {
      reader.expect(*field, Wire::kVarint, "an id of a special piece");
    } else if (field->number >= 44 && field->number <= 48) {
      reader.expect(*field, Wire::kBytes, "a special piece");
    }
  }
}

void check_normalizer(std::string_view message, std::string where, SentencePieceKind& kind) {
  ProtobufReader reader(message, std::move(where));
  while (const auto field = reader.next()) {
    if (field->number == 1 || field->number == 6) reader.expect(*field, Wire::kBytes, "a text of the normaliser");
    if (field->number >= 3 && field->number <= 5) reader.expect(*field, Wire::kVarint, "a switch of the normaliser");
    if (field->number == 3) kind.adds_dummy_prefix = field->value != 0;
    if (field->number == 4) kind.removes_spaces = field->value != 0;
    if (field->number == 5 && field->value == 0) kind.has_other_switches = true;
    if (field->number != 2) continue;
    reader.expect(*field, Wire::kBytes, "precompiled_charsmap");
    if (field->bytes.size() > kMaxCharsmapBytes)
      throw input_error("{}: precompiled_charsmap has {} bytes, more than {}", reader.where(), field->bytes.size(), kMaxCharsmapBytes);
    kind.maps_characters = !field->bytes.empty();
    if (kind.maps_characters) CharsmapCheck(field->bytes, reader.where()).run();
  }
}

}  // namespace

SentencePieceKind check_sentencepiece_model(std::string_view bytes, std::string_view source, std::int64_t vocabulary) {
  if (bytes.starts_with("version https://git-lfs")) throw input_error("{} is a git-lfs pointer, not the file itself; fetch it with `git lfs pull`", source);
  if (bytes.empty()) throw input_error("{} is empty; fetch it again", source);
  if (bytes.size() > kMaxFileBytes)
    throw input_error("{} has {} bytes, more than the {} that a SentencePiece model may have", source, bytes.size(), kMaxFileBytes);
  ProtobufReader reader(bytes, std::string(source));
  SentencePieceKind kind;
  std::int64_t pieces = 0;
  while (const auto field = reader.next()) {
    switch (field->number) {
      case 1:
        reader.expect(*field, Wire::kBytes, "pieces");
        check_piece(field->bytes, fmt::format("{}: piece {}", source, pieces), kind);
        ++pieces;
        break;
      case 2:
        reader.expect(*field, Wire::kBytes, "trainer_spec");
        check_trainer(field->bytes, fmt::format("{}: trainer_spec", source), kind);
        break;
      case 3:
        reader.expect(*field, Wire::kBytes, "normalizer_spec");
        check_normalizer(field->bytes, fmt::format("{}: normalizer_spec", source), kind);
        break;
      case 5: {
        reader.expect(*field, Wire::kBytes, "denormalizer_spec");
        SentencePieceKind of_decoding;
        check_normalizer(field->bytes, fmt::format("{}: denormalizer_spec", source), of_decoding);
        break;
      }
      case 4: reader.expect(*field, Wire::kBytes, "self_test_data"); break;
      default: break;
    }
  }
  if (pieces == 0) throw input_error("{} holds no pieces; it is no SentencePiece model", source);
  if (pieces > vocabulary)
    throw input_error("{} has {} pieces but the model's vocabulary has {} rows; tokenizer and model do not belong together", source, pieces, vocabulary);
  return kind;
}

void throw_cannot_encode(std::size_t bytes, const std::string& why) {
  throw input_error("the tokenizer cannot encode a text of {} bytes: SentencePiece says '{}'; its tokenizer.model is damaged, fetch it again", bytes, why);
}

}  // namespace winnow
