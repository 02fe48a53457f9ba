#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/shared/places.h"
#include "harness/core/json.h"

namespace winnow {

// One line of a JSON Lines file and where it stands; every reader throws Error(kInput) naming file, line, key, the value found and the one expected.
class JsonLine {
 public:
  JsonLine(Place place, OrderedJson object) : place_(std::move(place)), object_(std::move(object)) {}

  const Place& place() const { return place_; }
  const OrderedJson& at(std::string_view key) const;  // any type; missing is a fault
  bool has(std::string_view key) const { return object_.contains(key); }
  std::string text(std::string_view key) const;         // a string
  std::string filled_text(std::string_view key) const;  // a string with more in it than white space
  std::int64_t integer(std::string_view key, std::int64_t low, std::int64_t high) const;
  std::vector<std::string> texts(std::string_view key) const;  // a list of strings

 private:
  Place place_;
  OrderedJson object_;
};

// Reads a JSON Lines file line by line: one object a line, blank lines skipped, CRLF and a byte-order mark accepted. `convert` makes the row.
// Throws Error(kInput) for a line that is no object, and for a file without rows.
std::vector<OrderedJson> read_jsonl(const std::string& path, std::string_view bytes, const std::function<OrderedJson(const JsonLine&)>& convert);

}  // namespace winnow
