#pragma once
#include <string_view>

namespace winnow {

// Data, to standard output as it is, whole. A reader that has gone away is no fault; a full disk is an Error(kInput).
void write_output(std::string_view bytes);

// Data meant for eyes: the same through printable(), and no line a workflow command (::error::).
void write_text(std::string_view text);

// Talk: a line on standard error, shown likewise.
void say(std::string_view line);

}  // namespace winnow
