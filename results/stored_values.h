#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/trial.h"

// How values stand in columns. Doubles survive to the last bit; what JSON has no number for is written as "inf", "-inf", "nan".
namespace winnow {

// What a column holds that nothing of ours wrote there. The store that is read puts its file's name in front.
class DamagedValue : public Error {
 public:
  explicit DamagedValue(const std::string& sentence) : Error(ErrorKind::kInput, sentence) {}
};

// The value of a JSON column, such as "cells.identity_json". This and what follows throw DamagedValue.
Json json_from_column(const std::string& text, std::string_view column);

std::string numbers_to_json(const std::vector<double>& numbers);
std::vector<double> numbers_from_json(const std::string& text);
std::string number_map_to_json(const std::map<std::string, double>& numbers);
std::map<std::string, double> number_map_from_json(const std::string& text);
std::string booleans_to_json(const std::vector<bool>& booleans);
std::vector<bool> booleans_from_json(const std::string& text);
std::string strings_to_json(const std::vector<std::string>& strings);
std::vector<std::string> strings_from_json(const std::string& text);
// [[first, second], …] of two lists of one length; `string_pairs_from_json` gives nothing for a list of strings.
std::string string_pairs_to_json(const std::vector<std::string>& firsts, const std::vector<std::string>& seconds);
std::vector<std::pair<std::string, std::string>> string_pairs_from_json(const std::string& text);

bool is_served(const Cell& cell);  // by an endpoint: its identity says so

const char* status_name(TrialStatus status);
TrialStatus status_from_name(const std::string& name);

// Binds readable text at `index` and, where the text holds NUL or is not UTF-8, its exact bytes at `index` + 1 (else NULL).
void bind_exact_text(SQLite::Statement& statement, int index, const std::string& text);
// Reads the pair back.
std::string exact_text(SQLite::Statement& statement, int column);
// Text that every reader of SQLite shows: invalid UTF-8 and NUL become U+FFFD.
std::string readable_text(std::string_view text);

}  // namespace winnow
