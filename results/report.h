#pragma once
#include <string>

#include "results/leaderboard.h"

namespace winnow {

// Pure functions: numbers in, text out. Names, reasons and replies in them may come from anywhere; no control character gets through.

// A table of headline scores with their standard errors and of costs, then notes on what failed, ties, truncation and unverified data.
// kShort: a sign in place of words that every row repeats, its places held by no-break spaces, for terminal_text().
enum class Wording { kFull, kShort };
std::string report_markdown(const Leaderboard& board, Wording wording = Wording::kFull);

// One line per metric of every trial, and one for a trial without any. Numbers to the last digit; a text that a spreadsheet would take for a
// formula begins with an apostrophe.
std::string report_csv(const Leaderboard& board);

// Rows, and every trial with all its metrics, seconds, identity and surroundings. ASCII; invalid UTF-8 becomes U+FFFD.
std::string report_json(const Leaderboard& board);

// A picture: the headline score of a task (its label; empty: the first that has one) against the bytes that the weights take, with 95 % intervals, in SVG.
// Throws Error(kInput) where no row has both.
std::string report_svg(const Leaderboard& board, const std::string& task);

// A number as people read it: shares with four digits, whole counts without a point, bytes as MiB or GiB, parameters as M or B.
std::string shown_number(double value, const std::string& unit);

}  // namespace winnow
