#include "datasets/shared/mmlu_rows.h"

#include "datasets/shared/csv.h"
#include "harness/core/unicode.h"

namespace winnow {

std::vector<OrderedJson> read_mmlu_rows(const std::string& path, std::string_view bytes, const std::string& subject) {
  return read_csv(path, bytes, 6, [&](const Place& place, std::vector<std::string>&& fields) {
    const std::string& letter = fields[5];
    if (letter.size() != 1 || letter[0] < 'A' || letter[0] > 'D') {
      throw input_error("{}: the answer is '{}'; expected A, B, C or D in the last field", place.text(), shown(letter));
    }
    if (strip(fields[0]).empty()) throw input_error("{}: the question is empty; expected text in the first field", place.text());
    OrderedJson row;
    row["question"] = fields[0];
    row["subject"] = subject;
    row["choices"] = {fields[1], fields[2], fields[3], fields[4]};
    row["answer"] = letter[0] - 'A';
    return row;
  });
}

}  // namespace winnow
