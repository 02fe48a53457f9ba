#include "harness/sweep/setting_path.h"

#include <algorithm>
#include <charconv>

#include "harness/sweep/json_positions.h"

namespace winnow {
namespace {

using Step = SettingPath::Step;

std::optional<Step> bracket(std::string_view inside) {
  if (inside.empty()) return std::nullopt;
  if (inside == "*") return Step{Step::Kind::kEach, {}};
  if (!std::all_of(inside.begin(), inside.end(), [](char c) { return c >= '0' && c <= '9'; })) return Step{Step::Kind::kNamed, std::string(inside)};
  Step step{Step::Kind::kItem, {}};
  const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), step.index);
  if (error != std::errc()) return std::nullopt;
  return step;
}

class Setter {
 public:
  Setter(std::span<const Step> steps, const Json& value, std::vector<std::string>& places) : steps_(steps), value_(value), places_(places) {}

  void descend(Json& node, const std::string& place, std::size_t depth) {
    if (depth == steps_.size()) {
      node = value_;
      places_.push_back(place);
      return;
    }
    const Step& step = steps_[depth];
    if (node.is_array()) {
      for (std::size_t i = 0; i < node.size(); ++i) {
        if (SettingPath::selects(step, i, node[i])) descend(node[i], item_path(place, i), depth + 1);
      }
    } else if (node.is_object() && step.kind == Step::Kind::kEach) {
      for (auto& [key, child] : node.items()) descend(child, member_path(place, key), depth + 1);
    } else if (node.is_object() && step.kind == Step::Kind::kMember && (depth + 1 == steps_.size() || node.contains(step.name))) {
      descend(node[step.name], member_path(place, step.name), depth + 1);
    }
  }

 private:
  const std::span<const Step> steps_;
  const Json& value_;
  std::vector<std::string>& places_;
};

}  // namespace

std::optional<SettingPath> SettingPath::parse(std::string_view text) {
  SettingPath path;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == '[') {
      const std::size_t close = text.find(']', at);
      if (close == std::string::npos || path.steps_.empty()) return std::nullopt;
      const std::optional<Step> step = bracket(text.substr(at + 1, close - at - 1));
      if (!step) return std::nullopt;
      path.steps_.push_back(*step);
      at = close + 1;
      if (at < text.size() && text[at] != '.' && text[at] != '[') return std::nullopt;
    } else {
      if (!path.steps_.empty() && text[at++] != '.') return std::nullopt;
      const std::size_t end = std::min(text.find_first_of(".[", at), text.size());
      const std::string name(text.substr(at, end - at));
      if (name.empty()) return std::nullopt;
      path.steps_.push_back(name == "*" ? Step{Step::Kind::kEach, {}} : Step{Step::Kind::kMember, name});
      at = end;
    }
  }
  if (path.steps_.empty()) return std::nullopt;
  return path;
}

bool SettingPath::selects(const Step& step, std::size_t index, const Json& item) {
  if (step.kind == Step::Kind::kEach) return true;
  if (step.kind == Step::Kind::kItem) return step.index == index;
  if (step.kind != Step::Kind::kNamed || !item.is_object()) return false;
  for (const char* key : {"name", "label", "task", "pruner"}) {
    if (item.contains(key) && item[key] == step.name) return true;
  }
  return false;
}

std::vector<std::string> SettingPath::set(Json& root, const Json& value, std::size_t first) const {
  std::vector<std::string> places;
  Setter(std::span(steps_).subspan(first), value, places).descend(root, "", 0);
  return places;
}

}  // namespace winnow
