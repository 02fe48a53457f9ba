#include "harness/core/settings.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/core/terminal.h"

namespace winnow {
namespace {

constexpr std::size_t kShownWidth = 60;

std::string shown(const Json& value) { return one_line(value.dump(-1, ' ', false, Json::error_handler_t::replace), kShownWidth); }

bool is_integer(const Json& value) {
  return value.is_number_integer() && !(value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX});
}
bool is_number(const Json& value) { return value.is_number() && std::isfinite(value.get<double>()); }

template <class Test>
bool is_list_of(const Json& value, Test test) {
  return value.is_array() && std::all_of(value.begin(), value.end(), test);
}

bool has_type(const Json& value, SettingType type) {
  switch (type) {
    case SettingType::kBoolean: return value.is_boolean();
    case SettingType::kInteger: return is_integer(value);
    case SettingType::kNumber: return is_number(value);
    case SettingType::kString: return value.is_string();
    case SettingType::kIntegerList: return is_list_of(value, is_integer);
    case SettingType::kNumberList: return is_list_of(value, is_number);
    case SettingType::kStringList: return is_list_of(value, [](const Json& item) { return item.is_string(); });
    case SettingType::kObject: return value.is_object();
  }
  return false;
}

const char* type_words(SettingType type) {
  switch (type) {
    case SettingType::kBoolean: return "true or false";
    case SettingType::kInteger: return "an integer";
    case SettingType::kNumber: return "a number";
    case SettingType::kString: return "a string";
    case SettingType::kIntegerList: return "a list of integers";
    case SettingType::kNumberList: return "a list of numbers";
    case SettingType::kStringList: return "a list of strings";
    case SettingType::kObject: return "an object";
  }
  return "";
}

std::string range_words(const Setting& setting) {
  if (setting.minimum && setting.maximum) return fmt::format(" from {} to {}", *setting.minimum, *setting.maximum);
  if (setting.minimum) return fmt::format(" of at least {}", *setting.minimum);
  if (setting.maximum) return fmt::format(" of at most {}", *setting.maximum);
  return "";
}

std::string expectation(const Setting& setting) {
  std::vector<std::string> types;
  for (const SettingType type : setting.types) types.push_back(type_words(type));
  std::string words = fmt::format("{}", fmt::join(types, " or ")) + range_words(setting);
  if (!setting.choices.empty()) words += fmt::format(" out of: {}", fmt::join(setting.choices, ", "));
  return words;
}

bool in_range(const Setting& setting, const Json& value) {
  if (value.is_array()) return std::all_of(value.begin(), value.end(), [&](const Json& item) { return in_range(setting, item); });
  if (value.is_string())
    return setting.choices.empty() || std::find(setting.choices.begin(), setting.choices.end(), value.get_ref<const std::string&>()) != setting.choices.end();
  if (!value.is_number()) return true;
  const double number = value.get<double>();
  return !(setting.minimum && number < *setting.minimum) && !(setting.maximum && number > *setting.maximum);
}

// 1 and 1.0 are the same ratio and must give the same cell key: a setting that is a number only is kept as a double.
Json normalised(Json value, SettingType type) {
  if (type == SettingType::kNumber) return value.get<double>() + 0.0;  // −0 becomes 0
  if (type == SettingType::kInteger) return value.get<std::int64_t>();
  if (value.is_array()) {
    for (Json& item : value)
      item = normalised(item, type == SettingType::kNumberList    ? SettingType::kNumber
                              : type == SettingType::kIntegerList ? SettingType::kInteger
                                                                  : SettingType::kString);
  }
  return value;
}

Json checked(std::string_view owner, const Setting& setting, const Json& value) {
  const auto type = std::find_if(setting.types.begin(), setting.types.end(), [&](SettingType candidate) { return has_type(value, candidate); });
  if (type == setting.types.end() || !in_range(setting, value))
    throw input_error("{}: setting '{}' is {}; expected {}", owner, setting.name, shown(value), expectation(setting));
  return normalised(value, *type);
}

void refuse_unknown(std::string_view owner, std::span<const Setting> known, const std::string& name) {
  std::vector<std::string> names;
  for (const Setting& setting : known) names.push_back(setting.name);
  throw input_error("{}: unknown setting '{}'{}; it knows: {}", owner, one_line(name, kShownWidth), did_you_mean(name, names),
                    names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

// Edits that turn one word into the other; two neighbours changing places are one.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) table[i][0] = i;
  std::iota(table[0].begin(), table[0].end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      table[i][j] = std::min({table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
    }
  }
  return table[a.size()][b.size()];
}

}  // namespace

Params Params::check(std::string_view owner, std::span<const Setting> known, const Json& given) {
  if (!given.is_object()) throw input_error("{}: settings are {}; expected an object", owner, shown(given));
  for (const auto& [name, value] : given.items()) {
    if (std::none_of(known.begin(), known.end(), [&](const Setting& setting) { return setting.name == name; })) refuse_unknown(owner, known, name);
  }
  Params params;
  for (const Setting& setting : known) {
    WINNOW_CHECK(!setting.types.empty());
    if (const auto value = given.find(setting.name); value != given.end()) {
      params.values_[setting.name] = checked(owner, setting, *value);
    } else if (setting.required) {
      throw input_error("{}: setting '{}' is missing; expected {}", owner, setting.name, expectation(setting));
    } else if (!setting.default_value.is_null()) {
      params.values_[setting.name] = checked(owner, setting, setting.default_value);
    }
  }
  return params;
}

bool Params::has(std::string_view name) const { return values_.contains(name); }

const Json& Params::value(std::string_view name) const {
  const auto found = values_.find(name);
  WINNOW_CHECK(found != values_.end());
  return *found;
}

std::string nearest_name(std::string_view given, std::span<const std::string> known) {
  constexpr std::size_t kLongest = 64;
  std::string nearest;
  std::size_t least = given.size() / 3 + 1;  // a name further away than this is another word
  if (given.empty() || given.size() > kLongest) return nearest;
  for (const std::string& name : known) {
    const std::size_t distance = edit_distance(given, name);
    if (distance <= least && distance < name.size() && (nearest.empty() || distance < least)) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

std::string did_you_mean(std::string_view given, std::span<const std::string> known) {
  const std::string near = nearest_name(given, known);
  return near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near);
}

}  // namespace winnow
