#include "harness/model/family.h"

#include <algorithm>

#include "harness/model/config_fields.h"

namespace winnow {

bool is_expert(Role role) { return role == Role::kExpertGate || role == Role::kExpertUp || role == Role::kExpertDown; }

int stored_expert(const ModelConfig& config, const TensorSpec& tensor) {
  return tensor.expert < 0 ? -1 : config.layers[tensor.layer].stored_expert(tensor.expert);
}

bool shares_storage(const ModelConfig& config, const TensorSpec& tensor) { return stored_expert(config, tensor) != tensor.expert; }

const Registered<Family>& family_of(const Json& config) {
  const Registry<Family>& families = Registry<Family>::instance();
  const std::optional<std::string> model_type = ConfigFields(config).find_string("model_type");
  if (!model_type) throw input_error("'model_type' is missing; known are: {}", fmt::join(families.names(), ", "));
  for (const std::string& name : families.names()) {
    const std::vector<std::string> types = families.make(name)->model_types();
    if (std::find(types.begin(), types.end(), *model_type) != types.end()) return families.find(name);
  }
  throw unsupported_error("'model_type' is {}, a family Winnow does not have; it has: {}", quoted(Json(*model_type)), fmt::join(families.names(), ", "));
}

}  // namespace winnow
