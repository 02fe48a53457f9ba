#include "harness/model/config_fields.h"

#include <cmath>

#include "harness/core/error.h"

namespace winnow {
namespace {

// nlohmann keeps 0 … 2^64−1 as unsigned; what int64 cannot hold is out of every range here.
std::optional<std::int64_t> as_integer(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return value.get<std::int64_t>();
}

std::int64_t checked_integer(const Json& value, const std::string& name, IntegerRange range) {
  const std::optional<std::int64_t> number = as_integer(value);
  if (!number || *number < range.least || *number > range.most) {
    throw input_error("'{}' is {}; expected a whole number from {} to {}", name, quoted(value), range.least, range.most);
  }
  return *number;
}

}  // namespace

std::string quoted(const Json& value) {
  constexpr std::size_t kMost = 80;
  std::string text = value.is_structured() && value.size() > 100 ? (value.is_array() ? "a long list" : "a large object")
                                                                 : value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMost) text = text.substr(0, kMost) + "…";
  return text;
}

ConfigFields::ConfigFields(const Json& object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {
  if (!object.is_object()) {
    throw input_error("{} is {}; expected an object {{…}}", prefix_.empty() ? "the file" : fmt::format("'{}'", prefix_.substr(0, prefix_.size() - 1)),
                      quoted(object));
  }
}

bool ConfigFields::has(std::string_view key) const {
  const auto position = object_.find(key);
  return position != object_.end() && !position->is_null();
}

const Json& ConfigFields::raw(std::string_view key) const {
  if (!has(key)) throw input_error("'{}' is missing", name(key));
  return *object_.find(key);
}

std::int64_t ConfigFields::integer(std::string_view key, IntegerRange range) const { return checked_integer(raw(key), name(key), range); }

std::optional<std::int64_t> ConfigFields::find_integer(std::string_view key, IntegerRange range) const {
  if (!has(key)) return std::nullopt;
  return integer(key, range);
}

std::int64_t ConfigFields::integer_or(std::string_view key, IntegerRange range, std::int64_t fallback) const {
  return find_integer(key, range).value_or(fallback);
}

double ConfigFields::number(std::string_view key, double least, double most) const {
  const Json& value = raw(key);
  const double number = value.is_number() ? value.get<double>() : std::nan("");
  if (!(number >= least && number <= most)) throw input_error("'{}' is {}; expected a number from {} to {}", name(key), quoted(value), least, most);
  return number;
}

std::optional<double> ConfigFields::find_number(std::string_view key, double least, double most) const {
  if (!has(key)) return std::nullopt;
  return number(key, least, most);
}

bool ConfigFields::boolean_or(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  const Json& value = raw(key);
  if (!value.is_boolean()) throw input_error("'{}' is {}; expected true or false", name(key), quoted(value));
  return value.get<bool>();
}

std::optional<std::string> ConfigFields::find_string(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  const Json& value = raw(key);
  if (!value.is_string()) throw input_error("'{}' is {}; expected a string", name(key), quoted(value));
  return value.get<std::string>();
}

std::vector<std::int64_t> ConfigFields::integers(std::string_view key, IntegerRange range) const {
  std::vector<std::int64_t> numbers;
  if (!has(key)) return numbers;
  const Json& value = raw(key);
  if (!value.is_array()) return {checked_integer(value, name(key), range)};
  for (const Json& item : value) numbers.push_back(checked_integer(item, name(key), range));
  return numbers;
}

ConfigFields ConfigFields::object(std::string_view key) const { return ConfigFields(raw(key), name(key) + "."); }

}  // namespace winnow
