#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/json.h"

namespace winnow {

enum class SettingType { kBoolean, kInteger, kNumber, kString, kIntegerList, kNumberList, kStringList, kObject };

// One setting a plug-in (or the sweep file) knows. The same declaration checks a sweep, fills in defaults for the cell key,
// and becomes the JSON Schema and the help.
struct Setting {
  std::string name;
  std::vector<SettingType> types;  // any of these
  Json default_value = nullptr;    // null: left out unless given
  std::string summary;
  bool required = false;
  std::vector<std::string> choices = {};  // for strings; empty: any
  std::optional<double> minimum = {};
  std::optional<double> maximum = {};
};

// Checked settings: every name declared, every type and range right, defaults filled in.
class Params {
 public:
  Params() = default;

  // Throws Error(kInput): "<owner>: unknown setting 'raito' (did you mean 'ratio'?); it knows: ratio, seed", or the value and range expected.
  static Params check(std::string_view owner, std::span<const Setting> known, const Json& given);

  bool has(std::string_view name) const;  // given or defaulted
  template <class T>
  T get(std::string_view name) const {
    return value(name).get<T>();
  }
  template <class T>
  std::optional<T> find(std::string_view name) const {
    if (!has(name)) return std::nullopt;
    return value(name).get<T>();
  }
  const Json& as_json() const { return values_; }  // canonical: what goes into the cell key

 private:
  const Json& value(std::string_view name) const;  // WINNOW_CHECKs that the name was declared and has a value
  Json values_ = Json::object();
};

// The known name nearest to a mistyped one by edit distance; empty where none is near.
std::string nearest_name(std::string_view given, std::span<const std::string> known);
std::string did_you_mean(std::string_view given, std::span<const std::string> known);  // " (did you mean 'ratio'?)", or nothing

}  // namespace winnow
