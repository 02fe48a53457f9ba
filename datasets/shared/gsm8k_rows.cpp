#include "datasets/shared/gsm8k_rows.h"

namespace winnow {

std::vector<OrderedJson> read_gsm8k_rows(const std::string& path, std::string_view bytes) {
  return read_jsonl(path, bytes, [](const JsonLine& line) {
    OrderedJson row;
    row["question"] = line.filled_text("question");
    std::string answer = line.filled_text("answer");
    const std::size_t mark = answer.rfind("#### ");
    if (mark == std::string::npos || mark + 5 == answer.size()) {
      throw input_error("{}: \"answer\" ends with '{}'; expected its last line to be '#### ' and the number", line.place().text(),
                        shown(std::string_view(answer).substr(answer.rfind('\n') + 1)));
    }
    row["answer"] = std::move(answer);
    return row;
  });
}

}  // namespace winnow
