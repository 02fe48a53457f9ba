#pragma once
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace winnow {

using Json = nlohmann::json;                 // keys sorted
using OrderedJson = nlohmann::ordered_json;  // keys as they stood in the file

enum class JsonComments { kRefused, kAllowed };

// The one door through which JSON enters: UTF-8 without BOM, nesting of at most 64, no duplicate keys, no integer beyond 64 bits,
// no NaN or infinity, nothing after the value. `source` names the text in the Error(kInput), which says line and column.
Json parse_json(std::string_view text, std::string_view source, JsonComments comments = JsonComments::kRefused);
OrderedJson parse_ordered_json(std::string_view text, std::string_view source);

// Reads a regular file of at most max_bytes (no FIFO, folder or device) and parses it.
Json read_json_file(const std::filesystem::path& path, JsonComments comments = JsonComments::kRefused, std::size_t max_bytes = std::size_t{256} << 20);

// Sorted keys, no white space, shortest round-trip numbers: what digests are taken over. Invalid UTF-8 is replaced by U+FFFD.
std::string canonical_json(const Json& value);

// Of JSON that anybody may have written: what stands under a key, null where there is nothing or `value` is no object. Lives as long as `value`.
const Json& member_in(const Json& value, const std::string& key);
const Json& object_in(const Json& value, const std::string& key);  // the same, and an empty object where it is none

}  // namespace winnow
