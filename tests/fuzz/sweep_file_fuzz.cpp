// A sweep file: a sweep with something in it, or a sentence with its place.
#include <cstdint>

#include "harness/sweep/sweep_file.h"
#include "tests/fuzz/fuzz.h"

namespace winnow {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  static const PrunerDeclarations pruners = {
      {"random", {.version = 1, .settings = {{.name = "seed", .types = {SettingType::kInteger}, .summary = "of the draw"}}, .try_settings = [](const Json&) {}}}};
  take_or_refuse([&] {
    const Sweep sweep = parse_sweep(text, "f", "/sweeps", pruners);
    WINNOW_CHECK(!sweep.models.empty() && !sweep.variants.empty() && !sweep.tasks.empty() && !sweep.name.empty());
  });
  return 0;
}

}  // namespace winnow
