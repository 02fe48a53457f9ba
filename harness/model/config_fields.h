#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json.h"

namespace winnow {

struct IntegerRange {
  std::int64_t least, most;
};

// Strict reading of one JSON object of a config. A key that is absent or null counts as not there. Every complaint is an
// Error(kInput) that names the key, the value found and what was expected.
class ConfigFields {
 public:
  // `prefix` stands before keys in messages: "rope_parameters.".
  explicit ConfigFields(const Json& object, std::string prefix = "");

  bool has(std::string_view key) const;
  const Json& raw(std::string_view key) const;  // of a key that is there

  std::int64_t integer(std::string_view key, IntegerRange range) const;
  std::optional<std::int64_t> find_integer(std::string_view key, IntegerRange range) const;
  std::int64_t integer_or(std::string_view key, IntegerRange range, std::int64_t fallback) const;

  double number(std::string_view key, double least, double most) const;
  std::optional<double> find_number(std::string_view key, double least, double most) const;

  bool boolean_or(std::string_view key, bool fallback) const;
  std::optional<std::string> find_string(std::string_view key) const;
  // An integer or a list of them; empty where there is none.
  std::vector<std::int64_t> integers(std::string_view key, IntegerRange range) const;
  ConfigFields object(std::string_view key) const;

  std::string name(std::string_view key) const { return prefix_ + std::string(key); }

 private:
  const Json& object_;
  std::string prefix_;
};

// A value as messages quote it: JSON in ASCII, cut to a length a line can bear.
std::string quoted(const Json& value);

}  // namespace winnow
