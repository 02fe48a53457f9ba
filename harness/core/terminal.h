#pragma once
#include <string>
#include <string_view>

namespace winnow {

// Text from models, files and data sets on its way to a terminal: control characters (C0 but \n and \t, DEL, C1), bidirectional
// overrides and invalid UTF-8 shown as \x1b or \u{202e}.
std::string printable(std::string_view text);

// printable(), on one line of at most `width` code points, cut with an ellipsis.
std::string one_line(std::string_view text, std::size_t width);

}  // namespace winnow
