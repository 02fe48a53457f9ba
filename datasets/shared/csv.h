#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/shared/places.h"
#include "harness/core/json.h"

namespace winnow {

// Reads RFC 4180 CSV: fields in quotes may hold commas, line breaks (kept as they are) and doubled quotes; records end with LF or CRLF; a byte-order mark
// and blank lines between records are skipped; a quote inside an unquoted field stands for itself, as in Python's csv. `convert` makes a row; its place is
// the line that the record begins on. Throws Error(kInput) for an unterminated quote, text after a closing quote, another number of fields than `columns`,
// and a file without rows.
std::vector<OrderedJson> read_csv(const std::string& path, std::string_view bytes, std::size_t columns,
                                  const std::function<OrderedJson(const Place&, std::vector<std::string>&&)>& convert);

}  // namespace winnow
