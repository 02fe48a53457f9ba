#include "datasets/shared/places.h"

#include <algorithm>

#include "harness/core/settings.h"
#include "harness/core/terminal.h"
#include "harness/core/unicode.h"

namespace winnow {
namespace {

void check_name(std::string_view dataset, std::string_view word, const std::string& given, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), given) != known.end()) return;
  throw input_error("data set {}: there is no {} '{}'{}; it has: {}", dataset, word, shown(given), did_you_mean(given, known), fmt::join(known, ", "));
}

}  // namespace

std::string shown(std::string_view text) { return one_line(text.substr(0, 400), 60); }

std::string_view checked_text(const std::string& path, std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) throw input_error("{}:1: the file is UTF-16; expected UTF-8", path);
  if (is_valid_utf8(bytes)) return bytes;
  std::size_t line = 1;
  for (std::size_t begin = 0; begin <= bytes.size(); ++line) {
    const std::size_t end = std::min(bytes.find('\n', begin), bytes.size());
    if (!is_valid_utf8(bytes.substr(begin, end - begin))) break;
    begin = end + 1;
  }
  throw input_error("{}:{}: the line is not UTF-8; expected a file in UTF-8", path, line);
}

void for_each_line(const std::string& path, std::string_view bytes, const std::function<void(const Place&, std::string_view line)>& take) {
  const std::string_view text = checked_text(path, bytes);
  Place place{path, 0};
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++place.line;
    if (line.ends_with('\r')) line.remove_suffix(1);
    take(place, line);
  }
}

void check_split(std::string_view dataset, const Dataset& set, const std::string& split) { check_name(dataset, "split", split, set.splits()); }

void check_subset(std::string_view dataset, const Dataset& set, const std::string& subset) {
  const std::vector<std::string> known = set.subsets();
  if (known.empty() && subset.empty()) return;
  if (known.empty()) throw input_error("data set {}: there is no subset '{}'; it has none", dataset, shown(subset));
  check_name(dataset, "subset", subset, known);
}

}  // namespace winnow
