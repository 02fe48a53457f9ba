#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/api/dataset.h"
#include "harness/core/error.h"

namespace winnow {

// A line of a data file, for the beginning of every fault's sentence.
struct Place {
  std::string path;      // below the data folder
  std::size_t line = 0;  // from 1

  std::string text() const { return fmt::format("{}:{}", path, line); }
};

// Lines longer than this are no data set that Winnow knows, and would make a fault's sentence useless.
inline constexpr std::size_t kLongestLine = std::size_t{16} << 20;

// What stands after a byte-order mark. Throws Error(kInput) naming the line of the first byte that is not UTF-8, and files of more than one encoding.
std::string_view checked_text(const std::string& path, std::string_view bytes);

// Calls `take` with each line of the text and its place; CRLF and a byte-order mark are accepted, and nothing follows a last line feed.
void for_each_line(const std::string& path, std::string_view bytes, const std::function<void(const Place&, std::string_view line)>& take);

// A value in a fault's sentence: control characters shown, at most 60 characters.
std::string shown(std::string_view text);

// Throws Error(kInput) naming the data set's splits or subsets; a near name is proposed.
void check_split(std::string_view dataset, const Dataset& set, const std::string& split);
void check_subset(std::string_view dataset, const Dataset& set, const std::string& subset);

}  // namespace winnow
