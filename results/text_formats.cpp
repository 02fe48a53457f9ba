#include "results/text_formats.h"

#include <cctype>
#include <cmath>

#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "harness/core/unicode.h"

namespace winnow {
namespace {

bool is_word(char byte) { return std::isalnum(static_cast<unsigned char>(byte)) != 0 || static_cast<unsigned char>(byte) >= 0x80; }

}  // namespace

std::string markdown_text(std::string_view text) {
  const std::string plain = printable(text);
  std::string result;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const char byte = plain[i];
    switch (byte) {
      case '\n':
      case '\t': result += ' '; break;
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '@': result += "&#64;"; break;  // GitHub would notify people
      case '\\':
      case '`':
      case '*':
      case '[':
      case ']':
      case '|':
      case '~':
      case '#':
      case '$':
        result += '\\';
        result += byte;
        break;
      case '_':  // inside a word it stays a plain underscore
        if (i == 0 || i + 1 == plain.size() || !is_word(plain[i - 1]) || !is_word(plain[i + 1])) result += '\\';
        result += byte;
        break;
      default: result += byte;
    }
  }
  return result;
}

std::string markdown_line(const std::vector<std::string>& fields) { return fmt::format("| {} |\n", fmt::join(fields, " | ")); }

std::string csv_text(std::string_view text) {
  std::string field = printable(text);
  if (!text.empty() && std::string_view("=+-@\t\r\n\0", 8).find(text[0]) != std::string_view::npos) field.insert(field.begin(), '\'');
  if (field.find_first_of(",\"\n\t") == std::string::npos) return field;
  std::string quoted = "\"";
  for (const char byte : field) {
    if (byte == '"') quoted += '"';
    quoted += byte;
  }
  return quoted + "\"";
}

std::string csv_number(double value) {
  if (std::isnan(value)) return "nan";
  return fmt::format("{}", value);  // the shortest text that reads back as the same double
}

OrderedJson json_number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

std::string json_text(const OrderedJson& value) { return value.dump(2, ' ', /*ensure_ascii=*/true, OrderedJson::error_handler_t::replace) + "\n"; }

std::string xml_text(std::string_view text) {
  const std::string plain = printable(text);
  std::string result;
  for (std::size_t i = 0; i < plain.size();) {
    const CodePoint decoded = decode_utf8(plain, i);
    switch (decoded.value) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\n': result += "&#10;"; break;
      case '\t': result += "&#9;"; break;
      case 0xfffe:
      case 0xffff: result += fmt::format("\\u{{{:x}}}", static_cast<unsigned>(decoded.value)); break;
      default: result.append(plain, i, decoded.bytes);
    }
    i += decoded.bytes;
  }
  return result;
}

}  // namespace winnow
