#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// What a filter gives where it finds nothing.
inline constexpr const char* kInvalid = "[invalid]";

// For each stop string in list order, what precedes its first occurrence.
std::string_view cut_at_stop_strings(std::string_view reply, const std::vector<std::string>& until);

// First match of `#### (\-?[0-9\.\,]+)`, stripped.
std::string extract_after_hashes(std::string_view reply);
// First match of `The answer is (\-?[0-9\.\,]+).`, stripped. Its last dot is any character, and takes the number's last one where nothing follows.
std::string extract_after_the_answer_is(std::string_view reply);
// Last match of `(-?[$0-9.,]{2,})|(-?[0-9]+)`, stripped.
std::string extract_last_number(std::string_view reply);

// exact_match of the GSM8K tasks: without ',' and '$', without all up to the last "#### ", without one '.' at the end, in lower case.
std::string normalised_number(std::string_view text);

}  // namespace winnow
