#include "harness/sweep/checked_json.h"

#include <algorithm>

namespace winnow {

std::string_view json_kind(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::boolean: return "true or false";
    case Json::value_t::string: return "a string";
    case Json::value_t::array: return "a list";
    case Json::value_t::object: return "an object";
    default: return "a number";
  }
}

namespace {

bool stands_in(std::string_view path, std::string_view ancestor) {
  return path.starts_with(ancestor) && (path.size() == ancestor.size() || ancestor.empty() || path[ancestor.size()] == '.' || path[ancestor.size()] == '[');
}

}  // namespace

CheckedJson::CheckedJson(std::string_view text, std::string source, const std::vector<std::string>& overrides)
    : root_(parse_json(text, source, JsonComments::kAllowed)), source_(std::move(source)), positions_(text) {
  for (const std::string& override_text : overrides) overrides_.push_back(apply_override(root_, override_text));
}

const AppliedOverride* CheckedJson::override_of(const std::string& path) const {
  for (const AppliedOverride& applied : overrides_) {
    if (std::any_of(applied.paths.begin(), applied.paths.end(), [&](const std::string& set) { return stands_in(path, set); })) return &applied;
  }
  return nullptr;
}

std::string CheckedJson::where(const std::string& path, At at) const {
  if (const AppliedOverride* applied = override_of(path)) return fmt::format("--set {}: {}", applied->text, path);
  std::string nearest = path;  // a value that is missing is told at what should hold it
  std::optional<TextPlace> place;
  while (!(place = at == At::kKey ? positions_.of_key(nearest) : positions_.of_value(nearest)) && !nearest.empty()) {
    const std::size_t cut = nearest.find_last_of(".[");
    nearest.resize(cut == std::string::npos ? 0 : cut);
  }
  return fmt::format("{}:{}:{}{}{}", source_, place->line, place->column, path.empty() ? "" : ": ", path);
}

Error CheckedJson::fault(const std::string& path, At at, const std::string& sentence, ErrorKind kind) const {
  return Error(override_of(path) == nullptr ? kind : ErrorKind::kUsage, fmt::format("{}: {}", where(path, at), sentence));
}

void CheckedJson::locate(const std::string& path, const std::function<void()>& check) const {
  try {
    check();
  } catch (const Error& error) {
    throw fault(path, At::kValue, error.what(), error.kind());
  }
}

Params CheckedJson::settings(const std::string& path, const Json& object, std::string_view owner, std::span<const Setting> known,
                             std::span<const std::string> beside) const {
  if (!object.is_object()) throw fault(path, At::kValue, fmt::format("expected an object, found {}", json_kind(object)));
  std::vector<Setting> lenient(known.begin(), known.end());
  std::vector<std::string> names(beside.begin(), beside.end());
  for (Setting& setting : lenient) {
    setting.required = false;
    names.push_back(setting.name);
  }
  Json mine = Json::object();
  for (const auto& [key, value] : object.items()) {
    if (std::find(beside.begin(), beside.end(), key) != beside.end()) continue;
    if (std::find(names.begin(), names.end(), key) == names.end()) {
      throw fault(member_path(path, key), At::kKey,
                  fmt::format("{} does not know '{}'{}; it knows: {}", owner, key, did_you_mean(key, names), fmt::join(names, ", ")));
    }
    locate(member_path(path, key), [&] { Params::check(owner, lenient, Json{{key, value}}); });
    mine[key] = value;
  }
  Params checked;
  locate(path, [&] { checked = Params::check(owner, known, mine); });
  return checked;
}

}  // namespace winnow
