// The files of every data set, CSV, JSON Lines and plain text: rows, or a sentence. The first byte chooses the data set.
#include <cstdint>

#include "harness/api/dataset.h"
#include "tests/fuzz/fuzz.h"

namespace winnow {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  static const std::vector<std::string> names = Registry<Dataset>::instance().names();
  const auto dataset = Registry<Dataset>::instance().make(names.at(bytes[0] % names.size()));
  const std::vector<std::string> subsets = dataset->subsets();
  const std::string split = dataset->splits().front(), subset = subsets.empty() ? "" : subsets.front();
  const std::string contents(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  take_or_refuse([&] {
    const std::vector<std::string> files(dataset->files(split, subset).size(), contents);
    WINNOW_CHECK(!dataset->rows(split, subset, files).empty());
  });
  return 0;
}

}  // namespace winnow
