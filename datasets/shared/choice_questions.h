#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "datasets/shared/jsonl.h"

namespace winnow {

// AI2's format of ARC and OpenBookQA: {"id", "question": {"stem", "choices": [{"text", "label"}]}, "answerKey"}.
// Rows have the keys id, `question_key`, choices {text[], label[]}, answerKey. The key must be one of the labels, and every label another.
std::vector<OrderedJson> read_choice_questions(const std::string& path, std::string_view bytes, const std::string& question_key);

}  // namespace winnow
