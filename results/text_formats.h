#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json.h"

// How texts and numbers stand in tables. Texts may come from anywhere.
namespace winnow {

// Text as Markdown shows it literally, on one line.
std::string markdown_text(std::string_view text);
std::string markdown_line(const std::vector<std::string>& fields);  // of a table

inline constexpr const char* kNothing = "–";  // in a cell that has no value

// A field of CSV; a text that a spreadsheet would take for a formula begins with an apostrophe.
std::string csv_text(std::string_view text);
std::string csv_number(double value);  // the shortest text that reads back as the same double

// A number, or "nan", "inf", "-inf", which JSON has no numbers for.
OrderedJson json_number(double value);
// ASCII, two-space indent; invalid UTF-8 becomes U+FFFD.
std::string json_text(const OrderedJson& value);

// Text between tags or in an attribute of XML 1.0: what it forbids (control characters, U+FFFE …) is written as printable() writes it.
std::string xml_text(std::string_view text);

}  // namespace winnow
