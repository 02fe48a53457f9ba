#include "results/stored_values.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/core/error.h"
#include "harness/core/json.h"
#include "harness/core/statistics.h"
#include "harness/core/terminal.h"
#include "harness/core/unicode.h"

namespace winnow {
namespace {

Json number_to_json(double number) {
  if (std::isfinite(number)) return number;
  if (std::isnan(number)) return "nan";
  return number > 0 ? "inf" : "-inf";
}

double number_from_json(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  return kNoNumber;
}

constexpr std::size_t kShownBytes = 60;

Json parse_column(const std::string& text) { return json_from_column(text, "a JSON column"); }

template <class Value>
Value read_column(const std::string& text, const char* expected) {
  try {
    return parse_column(text).get<Value>();
  } catch (const Json::exception&) {
    throw DamagedValue(fmt::format("a JSON column holds {}, expected {}", one_line(text, kShownBytes), expected));
  }
}

}  // namespace

Json json_from_column(const std::string& text, std::string_view column) {
  try {
    return parse_json(text, column);
  } catch (const Error& fault) {
    throw DamagedValue(fault.what());
  }
}

std::string numbers_to_json(const std::vector<double>& numbers) {
  Json list = Json::array();
  for (const double number : numbers) list.push_back(number_to_json(number));
  return canonical_json(list);
}

std::vector<double> numbers_from_json(const std::string& text) {
  std::vector<double> numbers;
  const Json list = parse_column(text);
  for (const Json& value : list) numbers.push_back(number_from_json(value));
  return numbers;
}

std::string number_map_to_json(const std::map<std::string, double>& numbers) {
  Json object = Json::object();
  for (const auto& [name, number] : numbers) object[name] = number_to_json(number);
  return canonical_json(object);
}

std::map<std::string, double> number_map_from_json(const std::string& text) {
  std::map<std::string, double> numbers;
  const Json object = parse_column(text);
  for (const auto& [name, value] : object.items()) numbers.emplace(name, number_from_json(value));
  return numbers;
}

std::string booleans_to_json(const std::vector<bool>& booleans) { return canonical_json(Json(booleans)); }
std::vector<bool> booleans_from_json(const std::string& text) { return read_column<std::vector<bool>>(text, "a list of true and false"); }
std::string strings_to_json(const std::vector<std::string>& strings) { return canonical_json(Json(strings)); }
std::vector<std::string> strings_from_json(const std::string& text) { return read_column<std::vector<std::string>>(text, "a list of strings"); }

std::string string_pairs_to_json(const std::vector<std::string>& firsts, const std::vector<std::string>& seconds) {
  WINNOW_CHECK(firsts.size() == seconds.size());
  Json list = Json::array();
  for (std::size_t i = 0; i < firsts.size(); ++i) list.push_back({firsts[i], seconds[i]});
  return canonical_json(list);
}

std::vector<std::pair<std::string, std::string>> string_pairs_from_json(const std::string& text) {
  const Json list = parse_column(text);
  if (!list.is_array() || list.empty() || !list.front().is_array()) return {};
  return read_column<std::vector<std::pair<std::string, std::string>>>(text, "a list of pairs of strings");
}

bool is_served(const Cell& cell) {
  return cell.identity.is_object() && cell.identity.contains("model") && cell.identity["model"].is_object() && cell.identity["model"].contains("served");
}

const char* status_name(TrialStatus status) {
  switch (status) {
    case TrialStatus::kRunning: return "running";
    case TrialStatus::kOk: return "ok";
    case TrialStatus::kFailed: return "failed";
    case TrialStatus::kSkipped: return "skipped";
  }
  WINNOW_CHECK(!"a status");
  return "";
}

TrialStatus status_from_name(const std::string& name) {
  if (name == "ok") return TrialStatus::kOk;
  if (name == "failed") return TrialStatus::kFailed;
  if (name == "skipped") return TrialStatus::kSkipped;
  return TrialStatus::kRunning;
}

std::string readable_text(std::string_view text) {
  std::string readable = replace_invalid_utf8(text);
  if (readable.find('\0') == std::string::npos) return readable;
  std::string shown;
  for (const char byte : readable) {
    if (byte == '\0')
      shown += "\uFFFD";
    else
      shown += byte;
  }
  return shown;
}

void bind_exact_text(SQLite::Statement& statement, int index, const std::string& text) {
  const bool is_readable = text.find('\0') == std::string::npos && is_valid_utf8(text);
  statement.bind(index, is_readable ? text : readable_text(text));
  if (is_readable) {
    statement.bind(index + 1);
  } else {
    statement.bind(index + 1, text.data(), static_cast<int>(text.size()));
  }
}

std::string exact_text(SQLite::Statement& statement, int column) {
  const SQLite::Column bytes = statement.getColumn(column + 1);
  return bytes.isNull() ? statement.getColumn(column).getString() : bytes.getString();
}

}  // namespace winnow
