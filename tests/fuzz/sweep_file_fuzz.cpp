// A sweep file: a sweep with something in it, whose own text is the same sweep again, or a sentence with its place.
#include <cstdint>

#include "harness/sweep/sweep_file.h"
#include "tests/fuzz/fuzz.h"

namespace winnow {
namespace {

const PrunerDeclarations& pruners() {
  static const PrunerDeclarations declared = {
      {"random",
       {.version = 1,
        .settings = {{.name = "seed", .types = {SettingType::kInteger}, .summary = "of the draw"},
                     {.name = "ratio", .types = {SettingType::kNumber}, .summary = "share that is removed", .minimum = 0, .maximum = 1},
                     {.name = "layers", .types = {SettingType::kIntegerList}, .summary = "where"},
                     {.name = "order", .types = {SettingType::kString}, .default_value = "up", .summary = "of removal", .choices = {"up", "down"}}},
        .try_settings = [](const Json&) {}}}};
  return declared;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  take_or_refuse([&] {
    const Sweep sweep = parse_sweep(text, "f", "/sweeps", pruners());
    WINNOW_CHECK(!sweep.models.empty() && !sweep.variants.empty() && !sweep.tasks.empty() && !sweep.name.empty());
    const Sweep again = parse_sweep(canonical_json(sweep.file), "f", "/sweeps", pruners());
    WINNOW_CHECK(again.models.size() == sweep.models.size() && again.variants.size() == sweep.variants.size() && again.tasks.size() == sweep.tasks.size());
  });
  return 0;
}

}  // namespace winnow
