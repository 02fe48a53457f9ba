#pragma once
#include <string>
#include <vector>

namespace winnow {

// A word as a POSIX shell reads it back, and a whole command.
std::string shell_quoted(const std::string& word);
std::string shown_command(const std::vector<std::string>& words);

}  // namespace winnow
