// A store that a stranger sent: its trials and answers are read, or it is refused.
#include <unistd.h>

#include <cstdint>

#include "harness/core/files.h"
#include "results/store.h"
#include "tests/fuzz/fuzz.h"

namespace winnow {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const std::filesystem::path file = std::filesystem::temp_directory_path() / fmt::format("winnow-fuzz-{}.sqlite", ::getpid());
  write_file(file, {reinterpret_cast<const char*>(bytes), size});
  take_or_refuse([&] {
    Store store = Store::open_read_only(file);
    for (const Trial& trial : store.latest()) store.for_each_answer(trial.id, [](const RecordedAnswer& answer) { WINNOW_CHECK(answer.answers.size() == 1); });
  });
  std::filesystem::remove(file);
  return 0;
}

}  // namespace winnow
