#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace winnow {

struct Leaderboard;

// Data, to standard output as it is, whole. A reader that has gone away is no fault; a full disk is an Error(kInput).
void write_output(std::string_view bytes);

// Data meant for eyes: the same through printable(), and no line a workflow command (::error::).
void write_text(std::string_view text);

// COLUMNS, else the width of the terminal that is standard output, else 80.
std::size_t output_columns();

// What a report is where --format says nothing (empty): of the `known` formats what the name of its file ends in ("txt": text), "text" on a terminal, else "md".
std::string report_format(const std::string& asked, const std::string& out = "", std::span<const std::string> known = {});

// A report's Markdown as it is, or laid out for the terminal where the format is "text".
std::string for_eyes(std::string_view markdown, const std::string& format);

// The leaderboard in either: on a terminal in its short wording.
std::string report_for_eyes(const Leaderboard& board, const std::string& format);

// Talk: a line on standard error, shown likewise.
void say(std::string_view line);

}  // namespace winnow
