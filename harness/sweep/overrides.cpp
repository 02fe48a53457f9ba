#include "harness/sweep/overrides.h"

#include "harness/core/error.h"
#include "harness/sweep/setting_path.h"

namespace winnow {
namespace {

Json value_of(const std::string& text) {
  try {
    return parse_json(text, "--set");
  } catch (const Error&) {
    return text;
  }
}

}  // namespace

AppliedOverride apply_override(Json& sweep, const std::string& path_and_value) {
  const std::size_t equals = path_and_value.find('=');
  const std::optional<SettingPath> path = equals == std::string::npos ? std::nullopt : SettingPath::parse(path_and_value.substr(0, equals));
  if (!path) throw usage_error("--set {}: expected PATH=VALUE such as models[0].dtype=bf16 or variants.*.steps[0].seed=2", path_and_value);
  AppliedOverride applied{path_and_value, path->set(sweep, value_of(path_and_value.substr(equals + 1)))};
  if (applied.paths.empty()) throw usage_error("--set {}: nothing in the sweep file has that path", path_and_value);
  return applied;
}

}  // namespace winnow
