#include "datasets/shared/jsonl.h"

#include "harness/core/unicode.h"

namespace winnow {
namespace {

std::string found(const OrderedJson& value) {
  if (value.is_string()) return fmt::format("the string \"{}\"", shown(value.get_ref<const std::string&>()));
  if (value.is_null()) return "null";
  if (value.is_object()) return "an object";
  if (value.is_array()) return fmt::format("a list of {} values", value.size());
  return shown(value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

}  // namespace

const OrderedJson& JsonLine::at(std::string_view key) const {
  const auto position = object_.find(key);
  if (position == object_.end()) {
    std::vector<std::string> keys;
    for (const auto& item : object_.items()) keys.push_back(shown(item.key()));
    throw input_error("{}: no key \"{}\"; the line has: {}", place_.text(), key, keys.empty() ? "none" : fmt::format("{}", fmt::join(keys, ", ")));
  }
  return *position;
}

std::string JsonLine::text(std::string_view key) const {
  const OrderedJson& value = at(key);
  if (!value.is_string()) throw input_error("{}: \"{}\" is {}; expected a string", place_.text(), key, found(value));
  return value.get<std::string>();
}

std::string JsonLine::filled_text(std::string_view key) const {
  std::string value = text(key);
  if (strip(value).empty()) throw input_error("{}: \"{}\" is empty; expected text", place_.text(), key);
  return value;
}

std::int64_t JsonLine::integer(std::string_view key, std::int64_t low, std::int64_t high) const {
  const OrderedJson& value = at(key);
  // An unsigned value beyond 2^63 would wrap into range.
  const bool fits = value.is_number_integer() && !(value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX));
  if (!fits || value.get<std::int64_t>() < low || value.get<std::int64_t>() > high) {
    throw input_error("{}: \"{}\" is {}; expected an integer from {} to {}", place_.text(), key, found(value), low, high);
  }
  return value.get<std::int64_t>();
}

std::vector<std::string> JsonLine::texts(std::string_view key) const {
  const OrderedJson& value = at(key);
  if (!value.is_array()) throw input_error("{}: \"{}\" is {}; expected a list of strings", place_.text(), key, found(value));
  std::vector<std::string> texts;
  for (const OrderedJson& item : value) {
    if (!item.is_string()) throw input_error("{}: \"{}\" holds {}; expected a list of strings", place_.text(), key, found(item));
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::vector<OrderedJson> read_jsonl(const std::string& path, std::string_view bytes, const std::function<OrderedJson(const JsonLine&)>& convert) {
  std::vector<OrderedJson> rows;
  for_each_line(path, bytes, [&](const Place& place, std::string_view line) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) return;
    if (line.size() > kLongestLine) throw input_error("{}: the line has {} bytes; at most {} are read", place.text(), line.size(), kLongestLine);
    OrderedJson object = parse_ordered_json(line, place.text());
    if (!object.is_object()) throw input_error("{}: the line is {}; expected one JSON object a line", place.text(), found(object));
    rows.push_back(convert(JsonLine(place, std::move(object))));
  });
  if (rows.empty()) throw input_error("{}: the file has no rows; expected one JSON object a line", path);
  return rows;
}

}  // namespace winnow
