// A tokenizer.model: what is accepted encodes every text, and gives text back; SentencePiece itself must not die of it.
#include <cstdint>

#include "harness/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"

namespace winnow {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::int64_t kVocabulary = 65'536;
  write_scratch(scratch_folder() / "tokenizer.model", {reinterpret_cast<const char*>(bytes), size});
  take_or_refuse([&] {
    const auto tokenizer = Tokenizer::open(scratch_folder(), kVocabulary);
    for (const char* text : {"", " ", "a", "the quick  brown fox", "\xe2\x96\x81\xc3\xa9\xf0\x9f\x98\x80\xff", "12 + 30 = 42\n", "<s>[INST] ab </s>"}) {
      const std::vector<std::int32_t> ids = tokenizer->encode(text, Tokenizer::Special::kAdd);
      for (const std::int32_t id : ids) WINNOW_CHECK(id >= 0 && id < kVocabulary);
      tokenizer->decode(ids, Tokenizer::SpecialText::kSkip);
    }
  });
  return 0;
}

}  // namespace winnow
