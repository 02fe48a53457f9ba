#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// Cuts a WikiText file into its articles as lm-eval's document-level set has them: a page begins at a line " = Title = ".
std::vector<std::string> cut_pages(std::string_view file);

// lm-eval's wikitext detokeniser.
std::string detokenise(std::string_view page);

// Pieces of a split at runs of white space (Python's \s), empty pieces at both ends included.
std::int64_t count_words(std::string_view page);

}  // namespace winnow
