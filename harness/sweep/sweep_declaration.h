#pragma once
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "harness/core/settings.h"

namespace winnow {

// What a sweep file may say, as data: the reader checks by these tables, and a JSON Schema can be made from them.

// A pruner as sweep files see it. The pruners' own header carries tensors, so app hands this in.
struct PrunerDeclaration {
  int version = 1;
  std::vector<Setting> settings;
  // Makes the pruner from its settings, for what only its factory can refuse.
  std::function<void(const Json& settings)> try_settings;
};
using PrunerDeclarations = std::map<std::string, PrunerDeclaration>;

std::span<const Setting>
sweep_settings();  // name, device, threads, token_budget; beside them stand models, variants, tasks, grid, include, exclude, limits and $schema
std::span<const Setting> model_settings();
std::span<const Setting> variant_settings();      // beside them stand steps and calibration
std::span<const Setting> calibration_settings();  // of a variant
std::span<const Setting> limit_settings();        // of "limits"

// Settings that stand inside an object among a plug-in's settings: those of "until"; of other objects none are known here.
std::span<const Setting> settings_inside(const Setting& setting);

// A setting that may only be given together with others.
struct Dependency {
  const char* setting;
  std::vector<std::string> needs;
};
std::span<const Dependency> model_dependencies();
std::span<const Dependency> calibration_dependencies();

}  // namespace winnow
