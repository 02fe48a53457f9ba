#include "datasets/shared/csv.h"

namespace winnow {
namespace {

// Walks a text field by field.
class CsvScanner {
 public:
  CsvScanner(const std::string& path, std::string_view text) : text_(text), place_{path, 1} {}

  bool at_end() const { return position_ == text_.size(); }
  Place place() const { return place_; }

  bool skip_blank_line() { return end_record(); }

  // The fields of one record, up to and including its line break.
  std::vector<std::string> record() {
    const Place begin = place_;
    std::vector<std::string> fields;
    std::size_t bytes = 0;
    do {
      fields.push_back(peek() == '"' ? quoted_field(begin) : plain_field());
      bytes += fields.back().size();
      if (bytes > kLongestLine) throw input_error("{}: the record has more than {} bytes; is a quote missing?", begin.text(), kLongestLine);
    } while (take(','));
    if (!at_end() && !end_record()) {
      throw input_error("{}: '{}' follows a closing quote; expected a comma or the end of the line (a quote inside quotes is written twice)", place_.text(),
                        shown(text_.substr(position_, 20)));
    }
    return fields;
  }

 private:
  int peek() const { return at_end() ? -1 : static_cast<unsigned char>(text_[position_]); }

  bool take(char expected) {
    if (at_end() || text_[position_] != expected) return false;
    ++position_;
    return true;
  }

  bool end_record() {
    const std::size_t length = text_.substr(position_).starts_with("\r\n") ? 2 : peek() == '\n' ? 1 : 0;
    position_ += length;
    if (length > 0) ++place_.line;
    return length > 0;
  }

  std::string plain_field() {
    const std::size_t begin = position_;
    while (!at_end() && text_[position_] != ',' && text_[position_] != '\n' && !text_.substr(position_).starts_with("\r\n")) ++position_;
    return std::string(text_.substr(begin, position_ - begin));
  }

  std::string quoted_field(const Place& record) {
    const Place begin = place_;
    std::string field;
    ++position_;
    while (true) {
      const std::size_t quote = text_.find('"', position_);
      if (quote == std::string_view::npos) throw input_error("{}: a quote opened on line {} is never closed", record.text(), begin.line);
      const std::string_view piece = text_.substr(position_, quote - position_);
      for (const char c : piece) place_.line += c == '\n';
      field += piece;
      position_ = quote + 1;
      if (!take('"')) return field;
      field += '"';
    }
  }

  std::string_view text_;
  std::size_t position_ = 0;
  Place place_;
};

}  // namespace

std::vector<OrderedJson> read_csv(const std::string& path, std::string_view bytes, std::size_t columns,
                                  const std::function<OrderedJson(const Place&, std::vector<std::string>&&)>& convert) {
  CsvScanner scanner(path, checked_text(path, bytes));
  std::vector<OrderedJson> rows;
  while (!scanner.at_end()) {
    if (scanner.skip_blank_line()) continue;
    const Place place = scanner.place();
    std::vector<std::string> fields = scanner.record();
    if (fields.size() != columns) throw input_error("{}: {} field{}; expected {}", place.text(), fields.size(), fields.size() == 1 ? "" : "s", columns);
    rows.push_back(convert(place, std::move(fields)));
  }
  if (rows.empty()) throw input_error("{}: the file has no rows; expected {} fields a record", path, columns);
  return rows;
}

}  // namespace winnow
