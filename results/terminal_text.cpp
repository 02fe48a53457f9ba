#include "results/terminal_text.h"

#include <array>
#include <utility>
#include <vector>

#include "results/text_table.h"

namespace winnow {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kEntities{{{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&#64;", "@"}}};

// What markdown_text() made of a text, taken back.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\\' && at + 1 < text.size()) {
      plain += text[at + 1];
      at += 2;
      continue;
    }
    std::size_t taken = 1;
    std::string_view meant = text.substr(at, 1);
    for (const auto& [entity, character] : kEntities) {
      if (!text.substr(at).starts_with(entity)) continue;
      taken = entity.size();
      meant = character;
    }
    plain += meant;
    at += taken;
  }
  return plain;
}

// "| a | b |": a bar within a field is escaped.
std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields;
  std::size_t begin = 1;
  for (std::size_t at = 1; at < line.size(); ++at) {
    if (line[at] == '\\') {
      ++at;
    } else if (line[at] == '|') {
      std::string_view field = line.substr(begin, at - begin);
      while (field.starts_with(' ')) field.remove_prefix(1);
      while (field.ends_with(' ')) field.remove_suffix(1);
      fields.push_back(unescaped(field));
      begin = at + 1;
    }
  }
  return fields;
}

TextTable table_of(const std::vector<std::string_view>& lines) {
  TextTable table;
  const std::vector<std::string> headings = fields_of(lines[0]), rules = fields_of(lines[1]);
  for (std::size_t i = 0; i < headings.size(); ++i) table.columns.push_back({headings[i], i < rules.size() && rules[i].ends_with(':')});
  for (std::size_t i = 2; i < lines.size(); ++i) {
    table.rows.push_back(fields_of(lines[i]));
    table.rows.back().resize(headings.size());
  }
  return table;
}

// "- " or "12. " at the beginning of a point.
std::size_t bullet_bytes(std::string_view line) {
  if (line.starts_with("- ")) return 2;
  const std::size_t digits = line.find_first_not_of("0123456789");
  return digits != std::string_view::npos && digits > 0 && line.substr(digits).starts_with(". ") ? digits + 2 : 0;
}

std::string paragraph(std::string_view line, std::size_t columns) {
  if (const std::size_t marks = line.find_first_not_of('#'); marks != std::string_view::npos && marks > 0 && line[marks] == ' ') line.remove_prefix(marks + 1);
  if (line.size() > 4 && line.starts_with("**") && line.ends_with("**")) line = line.substr(2, line.size() - 4);
  const std::size_t indent = bullet_bytes(line);
  std::string text(line.substr(0, indent));
  bool is_first = true;
  for (const std::string& part : broken_lines(unescaped(line.substr(indent)), columns > indent ? columns - indent : 1)) {
    text += (std::exchange(is_first, false) ? "" : std::string(indent, ' ')) + part + "\n";
  }
  return text;
}

}  // namespace

std::string terminal_text(std::string_view markdown, std::size_t columns) {
  std::string text;
  std::vector<std::string_view> table;
  const auto end_table = [&] {
    if (table.size() >= 2) text += laid_out(table_of(table), columns, SharedNames::kAbove);
    table.clear();
  };
  while (!markdown.empty()) {
    const std::size_t end = markdown.find('\n');
    const std::string_view line = markdown.substr(0, end);
    markdown.remove_prefix(end == std::string_view::npos ? markdown.size() : end + 1);
    if (line.starts_with("| ")) {
      table.push_back(line);
      continue;
    }
    end_table();
    text += line.empty() ? "\n" : paragraph(line, columns);
  }
  end_table();
  return text;
}

}  // namespace winnow
