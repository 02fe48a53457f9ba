#pragma once
#include <filesystem>
#include <span>
#include <vector>

#include "results/store.h"

namespace winnow {

// Writes the good trials of the stores as lm-evaluation-harness would have: below `folder` one folder per model and variant with
// results_<time>.json and samples_<task>_<time>.jsonl (one object per document and filter). A task that was run twice under other settings
// goes into a second folder. Returns the files written. Throws Error(kInput) where there is no good trial, or a file cannot be written.
std::vector<std::filesystem::path> export_lm_eval(std::span<Store> stores, const std::filesystem::path& folder);

}  // namespace winnow
