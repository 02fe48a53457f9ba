#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/http/download.h"

namespace winnow {

// Where public data sets can be had as plain files.

struct ManifestFile {
  std::string path;  // below the data folder
  std::uint64_t bytes = 0;
  std::string sha256;
  RemoteFile remote;  // the same bytes, or the same with CRLF line ends
  bool has_crlf = false;
};

struct MissingFile {
  std::string path, why, instead;
};

struct ManifestEntry {
  std::string dataset, licence, source;
  std::vector<ManifestFile> files;
  std::vector<MissingFile> missing;  // of no public plain file
};

// Throws Error(kInput) naming source and place. Paths stay below the data folder, addresses are http or https.
std::vector<ManifestEntry> parse_manifest(std::string_view text, const std::string& source);

// datasets/manifest.json as it was when the program was built.
std::vector<ManifestEntry> own_manifest();

// Every "\r\n" as "\n".
std::string without_carriage_returns(std::string_view text);

}  // namespace winnow
