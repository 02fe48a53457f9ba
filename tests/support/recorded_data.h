#pragma once
#include <filesystem>

namespace winnow::test {

// A data folder with the rows that the recorded runs of the zero-shot suite need, each at its place, and fillers between them: draws of shots and the
// first questions are those of the whole files. Made once a process from tests/fixtures/lm_eval/data_lines.jsonl.
const std::filesystem::path& recorded_data_folder();

}  // namespace winnow::test
