#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "datasets/shared/jsonl.h"

namespace winnow {

// GSM8K's format: JSON Lines of question and answer, whose last line is "#### <number>".
std::vector<OrderedJson> read_gsm8k_rows(const std::string& path, std::string_view bytes);

}  // namespace winnow
