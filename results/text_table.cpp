#include "results/text_table.h"

#include <algorithm>
#include <cctype>
#include <numeric>

#include "harness/core/display_width.h"
#include "harness/core/error.h"

namespace winnow {
namespace {

constexpr std::size_t kGap = 2, kNarrowestName = 12;
constexpr std::string_view kPlace = "\u00a0";

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) words.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

std::string spaces(std::size_t count) { return std::string(count, ' '); }

std::string to_the_left(const std::string& text, std::size_t width) { return text + spaces(width - std::min(width, display_width(text))); }
std::string to_the_right(const std::string& text, std::size_t width) { return spaces(width - std::min(width, display_width(text))) + text; }

bool has_digit(std::string_view text) {
  return std::ranges::any_of(text, [](char byte) { return std::isdigit(static_cast<unsigned char>(byte)) != 0; });
}

// Numbers with their words under one another; a cell without any digit is one word.
std::vector<std::string> aligned_numbers(const std::vector<std::string>& cells) {
  std::vector<std::vector<std::string>> words;
  std::vector<std::size_t> widths;
  for (const std::string& cell : cells) {
    words.push_back(has_digit(cell) ? words_of(cell) : std::vector<std::string>{});
    widths.resize(std::max(widths.size(), words.back().size()), 0);
    for (std::size_t i = 0; i < words.back().size(); ++i) widths[i] = std::max(widths[i], display_width(words.back()[i]));
  }
  std::vector<std::string> aligned;
  for (std::size_t row = 0; row < cells.size(); ++row) {
    std::string text = words[row].empty() ? cells[row] : "";
    for (std::size_t i = 0; i < words[row].size(); ++i) {
      const std::string word = words[row][i] == kPlace ? " " : words[row][i];
      const bool is_unit = std::isalpha(static_cast<unsigned char>(word[0])) != 0;
      text += (i == 0 ? "" : " ") + (is_unit ? to_the_left(word, widths[i]) : to_the_right(word, widths[i]));
    }
    // What a row lacks at its end is left free, so that its words stay under those of the others.
    for (std::size_t i = words[row].size(); i < widths.size() && !words[row].empty(); ++i) text += spaces(1 + widths[i]);
    aligned.push_back(std::move(text));
  }
  return aligned;
}

struct Laid {
  std::string heading;
  std::vector<std::string> cells;
  bool is_number;
  std::size_t width;
};

std::size_t widest(const std::vector<std::string>& texts) {
  std::size_t width = 0;
  for (const std::string& text : texts) width = std::max(width, display_width(text));
  return width;
}

Laid laid_column(const TextTable& table, std::size_t index) {
  Laid column{table.columns[index].heading, {}, table.columns[index].is_number, 0};
  for (const std::vector<std::string>& row : table.rows) column.cells.push_back(row[index]);
  if (column.is_number) column.cells = aligned_numbers(column.cells);
  column.width = std::max(widest(column.cells), widest(words_of(column.heading)));
  return column;
}

// Names give room until the widest of the other columns stands beside them.
void narrow(std::vector<Laid>& names, std::size_t room) {
  const auto taken = [&] {
    return std::accumulate(names.begin(), names.end(), std::size_t{0}, [](std::size_t sum, const Laid& name) { return sum + name.width + kGap; });
  };
  while (!names.empty() && taken() > room) {
    const auto largest = std::ranges::max_element(names, {}, &Laid::width);
    if (largest->width <= kNarrowestName) return;
    largest->width = std::max(kNarrowestName, largest->width - std::min(taken() - room, largest->width));
  }
}

void append_line(std::string& text, std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  text += line + "\n";
}

// Fields of several lines side by side, the last line of numbers and headings at the bottom.
enum class Upright { kTop, kBottom };
void append_fields(std::string& text, const std::vector<const Laid*>& columns, const std::vector<std::vector<std::string>>& fields, Upright upright) {
  std::size_t height = 0;
  for (const auto& lines : fields) height = std::max(height, lines.size());
  for (std::size_t y = 0; y < height; ++y) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::size_t above = upright == Upright::kBottom ? height - fields[i].size() : 0;
      const std::string part = y >= above && y - above < fields[i].size() ? fields[i][y - above] : "";
      line += (i == 0 ? "" : spaces(kGap)) + (columns[i]->is_number ? to_the_right(part, columns[i]->width) : to_the_left(part, columns[i]->width));
    }
    append_line(text, std::move(line));
  }
}

std::string block(const std::vector<const Laid*>& columns, std::size_t rows) {
  std::string text;
  std::vector<std::vector<std::string>> headings;
  for (const Laid* column : columns) headings.push_back(broken_lines(column->heading, column->width));
  append_fields(text, columns, headings, Upright::kBottom);
  std::string rule;
  for (const Laid* column : columns) {
    if (!rule.empty()) rule += spaces(kGap);
    for (std::size_t i = 0; i < column->width; ++i) rule += "─";
  }
  append_line(text, std::move(rule));
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<std::vector<std::string>> fields;
    for (const Laid* column : columns)
      fields.push_back(column->is_number ? std::vector<std::string>{column->cells[row]} : broken_lines(column->cells[row], column->width));
    append_fields(text, columns, fields, Upright::kTop);
  }
  return text;
}

// The names that differ between rows, at least one; the others are said above the table.
std::vector<Laid> telling_names(std::vector<Laid> names, std::size_t rows, std::string& above) {
  std::vector<Laid> telling;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_shared = rows > 1 && std::ranges::all_of(names[i].cells, [&](const std::string& cell) { return cell == names[i].cells.front(); });
    if (is_shared && (!telling.empty() || i + 1 < names.size()))
      above += fmt::format("{}: {}\n", names[i].heading, names[i].cells.front());
    else
      telling.push_back(std::move(names[i]));
  }
  return telling;
}

}  // namespace

std::vector<std::string> broken_lines(std::string_view text, std::size_t width) {
  std::vector<std::string> lines(1);
  for (const std::string& word : words_of(text)) {
    if (lines.back().empty())
      lines.back() = word;
    else if (display_width(lines.back()) + 1 + display_width(word) <= width)
      lines.back() += " " + word;
    else
      lines.push_back(word);
  }
  return lines;
}

std::string laid_out(const TextTable& table, std::size_t width, SharedNames shared) {
  std::vector<Laid> names, numbers;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    (numbers.empty() && !table.columns[i].is_number ? names : numbers).push_back(laid_column(table, i));
  }
  std::string text;
  if (shared == SharedNames::kAbove) names = telling_names(std::move(names), table.rows.size(), text);
  std::size_t most = 0;
  for (const Laid& number : numbers) most = std::max(most, number.width);
  narrow(names, most < width ? width - most + (numbers.empty() ? kGap : 0) : 0);
  std::size_t next = 0;
  do {
    std::vector<const Laid*> columns;
    std::size_t used = 0;
    for (const Laid& name : names) {
      columns.push_back(&name);
      used += name.width + kGap;
    }
    for (std::size_t in_block = 0; next < numbers.size() && (in_block == 0 || used + numbers[next].width <= width); ++in_block) {
      used += numbers[next].width + kGap;
      columns.push_back(&numbers[next++]);
    }
    text += block(columns, table.rows.size());
    if (next < numbers.size()) text += "\n";
  } while (next < numbers.size());
  return text;
}

}  // namespace winnow
