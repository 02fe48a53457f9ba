// A tokenizer.model: what the check accepts, the library loads and encodes with and does not die.
#include <sentencepiece_processor.h>

#include <cstdint>

#include "harness/text/sentencepiece_check.h"
#include "tests/fuzz/fuzz.h"

namespace winnow {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view model(reinterpret_cast<const char*>(bytes), size);
  take_or_refuse([&] {
    check_sentencepiece_model(model, "f", 65'536);
    sentencepiece::SentencePieceProcessor processor;
    if (!processor.LoadFromSerializedProto({model.data(), model.size()}).ok()) return;
    for (const char* text : {"", " ", "a", "the quick  brown fox", "\xe2\x96\x81\xc3\xa9\xf0\x9f\x98\x80", "12 + 30 = 42\n"}) {
      std::vector<int> ids;
      std::string back;
      if (processor.Encode(text, &ids).ok()) (void)processor.Decode(ids, &back);
    }
  });
  return 0;
}

}  // namespace winnow
