#pragma once
#include <string>
#include <vector>

#include "harness/core/json.h"

namespace winnow {

// One --set PATH=VALUE that was carried out.
struct AppliedOverride {
  std::string text;                // as typed
  std::vector<std::string> paths;  // what it set, as in error messages: "models[0].dtype"
};

// Changes `sweep` as "models[0].dtype=bf16" or "variants.*.steps[0].seed=2" say (setting_path.h has the paths); something must match. VALUE is
// JSON, and text where it is no JSON. Throws Error(kUsage) for a path that leads nowhere.
AppliedOverride apply_override(Json& sweep, const std::string& path_and_value);

}  // namespace winnow
