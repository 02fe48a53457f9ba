#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json.h"

namespace winnow {

// MMLU's format: one headless CSV a subject and split, "question,A,B,C,D,answer".
std::vector<OrderedJson> read_mmlu_rows(const std::string& path, std::string_view bytes, const std::string& subject);

}  // namespace winnow
