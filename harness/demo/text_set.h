#pragma once
#include <cstddef>
#include <map>
#include <string>

#include "harness/demo/knowledge.h"

namespace winnow::demo {

inline constexpr std::size_t kTrainDocuments = 20000;  // that the train split begins with; drills follow

// demo_text by split: train, validation, test, calibration, worked_answers. JSON Lines of {"text": …}; no document is in two splits.
std::map<std::string, std::string> text_splits(const Knowledge& knowledge);

}  // namespace winnow::demo
