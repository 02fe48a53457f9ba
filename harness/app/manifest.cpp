#include "harness/app/manifest.h"

#include <algorithm>

#include "harness/app/manifest_text.h"
#include "harness/core/error.h"
#include "harness/core/json.h"
#include "harness/core/terminal.h"

namespace winnow {
namespace {

// An object of the manifest, its faults told with their place.
class Part {
 public:
  Part(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) throw input_error("{}: expected an object, found {}", where_, one_line(json.dump(), 60));
  }
  bool has(const char* key) const { return json_.contains(key); }
  const Json& at(const char* key) const {
    if (!has(key)) throw input_error("{}: \"{}\" is missing", where_, key);
    return json_.at(key);
  }
  std::string text(const char* key) const {
    if (!at(key).is_string() || at(key).get_ref<const std::string&>().empty())
      throw input_error("{}.{}: expected a text, found {}", where_, key, one_line(at(key).dump(), 60));
    return at(key).get<std::string>();
  }
  std::uint64_t count(const char* key) const {
    if (!at(key).is_number_unsigned()) throw input_error("{}.{}: expected a number of bytes, found {}", where_, key, one_line(at(key).dump(), 60));
    return at(key).get<std::uint64_t>();
  }
  std::string digest(const char* key) const {
    const std::string digest = text(key);
    if (digest.size() != 64 || digest.find_first_not_of("0123456789abcdef") != std::string::npos)
      throw input_error("{}.{}: expected 64 hexadecimal digits in lower case, found '{}'", where_, key, one_line(digest, 70));
    return digest;
  }
  std::string path(const char* key) const {
    const std::string text_of = text(key);
    const std::filesystem::path path(text_of);
    const bool climbs = std::any_of(path.begin(), path.end(), [](const std::filesystem::path& step) { return step == ".." || step == "."; });
    if (path.is_absolute() || climbs || text_of.find('\0') != std::string::npos || text_of.ends_with('/'))
      throw input_error("{}.{}: '{}' is no path below the data folder", where_, key, one_line(text_of, 100));
    return text_of;
  }
  std::vector<Part> list(const char* key) const {
    if (!at(key).is_array()) throw input_error("{}.{}: expected a list, found {}", where_, key, one_line(at(key).dump(), 60));
    std::vector<Part> parts;
    for (std::size_t i = 0; i < at(key).size(); ++i) parts.emplace_back(at(key)[i], fmt::format("{}.{}[{}]", where_, key, i));
    return parts;
  }
  const std::string& where() const { return where_; }

 private:
  const Json& json_;
  std::string where_;
};

ManifestFile read_file_entry(const Part& part) {
  ManifestFile file{.path = part.path("path"), .bytes = part.count("bytes"), .sha256 = part.digest("sha256"), .remote = {}};
  file.remote = {part.text("url"), file.bytes, file.sha256};
  const std::string_view url = file.remote.url;
  if (!url.starts_with("https://") && !url.starts_with("http://"))
    throw input_error("{}.url: '{}' is no http or https address", part.where(), one_line(file.remote.url, 100));
  if (part.has("crlf")) {
    const Part crlf(part.at("crlf"), part.where() + ".crlf");
    file.remote = {file.remote.url, crlf.count("bytes"), crlf.digest("sha256")};
    file.has_crlf = true;
  }
  return file;
}

}  // namespace

std::vector<ManifestEntry> parse_manifest(std::string_view text, const std::string& source) {
  const Json json = parse_json(text, source);
  const Json datasets = Part(json, source).at("datasets");
  if (!datasets.is_object()) throw input_error("{}.datasets: expected an object", source);
  std::vector<ManifestEntry> entries;
  for (const auto& [name, value] : datasets.items()) {
    const Part part(value, fmt::format("{}: {}", source, name));
    ManifestEntry entry{.dataset = name, .licence = part.text("licence"), .source = part.text("source"), .files = {}, .missing = {}};
    for (const Part& file : part.list("files")) entry.files.push_back(read_file_entry(file));
    if (part.has("missing")) {
      for (const Part& missing : part.list("missing")) entry.missing.push_back({missing.path("path"), missing.text("why"), missing.text("instead")});
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<ManifestEntry> own_manifest() { return parse_manifest(kManifestJson, "datasets/manifest.json"); }

std::string without_carriage_returns(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') result += text[i];
  }
  return result;
}

}  // namespace winnow
