#pragma once
#include <string>
#include <string_view>

namespace winnow {

// How lm-eval cleans WikiHow's marks out of HellaSwag: stripped; " [title]" becomes ". "; the shortest [bracketed] parts go; then two spaces become one,
// once from left to right.
std::string clean_hellaswag_text(std::string_view text);

}  // namespace winnow
