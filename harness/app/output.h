#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace winnow {

// Data, to standard output as it is, whole. A reader that has gone away is no fault; a full disk is an Error(kInput).
void write_output(std::string_view bytes);

// Data meant for eyes: the same through printable(), and no line a workflow command (::error::).
void write_text(std::string_view text);

// COLUMNS, else the width of the terminal that is standard output, else 80.
std::size_t output_columns();

// What a report is where --format says nothing (empty): "text" on a terminal, "md" in a pipe or file (`out`: its name, or empty).
std::string report_format(const std::string& asked, const std::string& out);

// A report's Markdown as it is, or laid out for the terminal where the format is "text".
std::string for_eyes(std::string_view markdown, const std::string& format);

// Talk: a line on standard error, shown likewise.
void say(std::string_view line);

}  // namespace winnow
