#include "harness/sweep/overrides.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "harness/core/error.h"
#include "harness/sweep/json_positions.h"

namespace winnow {
namespace {

struct PathStep {
  enum class Kind { kMember, kItem, kEach };
  Kind kind;
  std::string name;       // kMember
  std::size_t index = 0;  // kItem
};

Error bad_path(const std::string& typed) {
  return usage_error("--set {}: expected PATH=VALUE such as models[0].dtype=bf16 or variants.*.steps[0].seed=2", typed);
}

PathStep bracket(const std::string& inside, const std::string& typed) {
  if (inside == "*") return {PathStep::Kind::kEach, {}};
  PathStep step{PathStep::Kind::kItem, {}};
  const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), step.index);
  if (inside.empty() || error != std::errc() || end != inside.data() + inside.size()) throw bad_path(typed);
  return step;
}

std::vector<PathStep> split_path(const std::string& path, const std::string& typed) {
  std::vector<PathStep> steps;
  std::size_t at = 0;
  while (at < path.size()) {
    if (path[at] == '[') {
      const std::size_t close = path.find(']', at);
      if (close == std::string::npos || steps.empty()) throw bad_path(typed);
      steps.push_back(bracket(path.substr(at + 1, close - at - 1), typed));
      at = close + 1;
      if (at < path.size() && path[at] != '.' && path[at] != '[') throw bad_path(typed);
    } else {
      if (!steps.empty() && path[at++] != '.') throw bad_path(typed);
      const std::size_t end = std::min(path.find_first_of(".[", at), path.size());
      const std::string name = path.substr(at, end - at);
      if (name.empty()) throw bad_path(typed);
      steps.push_back(name == "*" ? PathStep{PathStep::Kind::kEach, {}} : PathStep{PathStep::Kind::kMember, name});
      at = end;
    }
  }
  if (steps.empty()) throw bad_path(typed);
  return steps;
}

class Setter {
 public:
  Setter(const std::vector<PathStep>& steps, const Json& value, std::vector<std::string>& paths) : steps_(steps), value_(value), paths_(paths) {}

  void descend(Json& node, const std::string& path, std::size_t depth) {
    if (depth == steps_.size()) {
      node = value_;
      paths_.push_back(path);
      return;
    }
    const PathStep& step = steps_[depth];
    const bool is_last = depth + 1 == steps_.size();
    if (step.kind == PathStep::Kind::kMember) {
      if (node.is_object() && (is_last || node.contains(step.name))) descend(node[step.name], member_path(path, step.name), depth + 1);
    } else if (step.kind == PathStep::Kind::kItem) {
      if (node.is_array() && step.index < node.size()) descend(node[step.index], item_path(path, step.index), depth + 1);
    } else if (node.is_array()) {
      for (std::size_t i = 0; i < node.size(); ++i) descend(node[i], item_path(path, i), depth + 1);
    } else if (node.is_object()) {
      for (auto& [key, child] : node.items()) descend(child, member_path(path, key), depth + 1);
    }
  }

 private:
  const std::vector<PathStep>& steps_;
  const Json& value_;
  std::vector<std::string>& paths_;
};

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
  if (equals == std::string::npos || equals == 0) throw bad_path(path_and_value);
  const std::vector<PathStep> steps = split_path(path_and_value.substr(0, equals), path_and_value);
  const Json value = value_of(path_and_value.substr(equals + 1));
  AppliedOverride applied{path_and_value, {}};
  Setter(steps, value, applied.paths).descend(sweep, "", 0);
  if (applied.paths.empty()) throw usage_error("--set {}: nothing in the sweep file has that path", path_and_value);
  return applied;
}

}  // namespace winnow
