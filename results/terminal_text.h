#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace winnow {

// Pure. Markdown as the reports here write it, for a terminal: tables aligned and cut into blocks that fit, lines broken between words, escapes and
// entities as the characters they stand for.
std::string terminal_text(std::string_view markdown, std::size_t columns);

}  // namespace winnow
