#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace winnow {

// What of a model decides how it may be run.
struct SentencePieceKind {
  bool is_bpe = false;           // else Unigram
  bool maps_characters = false;  // its normaliser has rules
  bool removes_spaces = true;    // runs of spaces, and those at the ends
  bool adds_dummy_prefix = true;
  bool has_byte_pieces = false;     // unknown characters become their bytes
  bool has_other_switches = false;  // ▁ at the end of words, spaces left as they are, pieces the user defined
};

// Walks the protobuf of a SentencePiece model before the library sees it: libsentencepiece 0.1.97 dies on crafted files. Checked are every
// varint, length and wire type, the pieces (count ≤ `vocabulary`, valid UTF-8, 1 byte to 64 KiB, known type, a finite score), the model type,
// and that no text can lead the normaliser's double-array trie out of its array. Throws Error(kInput) or Error(kUnsupported); `source` names the file.
SentencePieceKind check_sentencepiece_model(std::string_view bytes, std::string_view source, std::int64_t vocabulary);

// A model that passed may still be one whose pieces do not make up a text: Error(kInput) with what SentencePiece says of it.
[[noreturn]] void throw_cannot_encode(std::size_t bytes, const std::string& why);

}  // namespace winnow
