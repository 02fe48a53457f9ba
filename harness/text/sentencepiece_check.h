#pragma once
#include <cstdint>
#include <string_view>

namespace winnow {

// Walks the protobuf of a SentencePiece model before the library sees it: libsentencepiece 0.1.97 dies on crafted files. Checked are every
// varint, length and wire type, the pieces (count ≤ `vocabulary`, valid UTF-8, 1 byte to 64 KiB, known type, a finite score), the model type,
// and that no text can lead the normaliser's double-array trie out of its array. Throws Error(kInput) or Error(kUnsupported); `source` names the file.
void check_sentencepiece_model(std::string_view bytes, std::string_view source, std::int64_t vocabulary);

}  // namespace winnow
