#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// A table for a fixed pitch. The columns before the first number name the rows.
struct TextTable {
  struct Column {
    std::string heading;
    bool is_number = false;  // to the right, the words of its cells under one another
  };
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // as many fields as columns; a no-break space holds a word's place
};

// Lines of at most `width` columns: one block after the other, each with the names of the rows and as many further columns as fit; names are broken
// where not even one does. A block with a single column that is wider stays so. A name that all rows share stands in each row, or once above.
enum class SharedNames { kInRows, kAbove };
std::string laid_out(const TextTable& table, std::size_t width, SharedNames shared);
inline constexpr std::size_t kAnyWidth = 1 << 20;  // everything in one block

// Lines of at most `width` columns, broken between words; a longer word has a line of its own. At least one line.
std::vector<std::string> broken_lines(std::string_view text, std::size_t width);

}  // namespace winnow
