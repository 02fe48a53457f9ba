#pragma once
#include <cstddef>
#include <string_view>

namespace winnow {

// The columns that printable text on one line takes: two for a wide character, none for one that joins the character before it.
std::size_t display_width(std::string_view text);

}  // namespace winnow
