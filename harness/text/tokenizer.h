#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// A model folder's tokenizer with Hugging Face's rules: special and added tokens inside text, BOS and EOS as tokenizer_config.json says, legacy prefix.
class Tokenizer {
 public:
  // tokenizer.model (SentencePiece; checked before it is loaded) with tokenizer_config.json. Throws Error(kInput) for a damaged file or ids beyond
  // `vocabulary`, Error(kUnsupported) where there is only a tokenizer.json.
  static std::unique_ptr<Tokenizer> open(const std::filesystem::path& folder, std::int64_t vocabulary);

  virtual ~Tokenizer() = default;
  enum class Special { kAdd, kNone };
  virtual std::vector<std::int32_t> encode(std::string_view text, Special special) const = 0;
  enum class SpecialText { kKeep, kSkip };
  virtual std::string decode(const std::vector<std::int32_t>& ids, SpecialText special) const = 0;

  virtual std::optional<std::int32_t> bos_id() const = 0;
  virtual std::optional<std::int32_t> eos_id() const = 0;
  virtual bool adds_bos() const = 0;
  virtual std::string digest() const = 0;  // sha256 over the files that decide ids
};

}  // namespace winnow
