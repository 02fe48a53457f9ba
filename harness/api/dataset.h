#pragma once
#include <map>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/core/registry.h"

namespace winnow {

// One file that a part of a data set is read from.
struct DatasetFile {
  std::string path;                          // below the data folder
  std::map<std::string, std::string> known;  // sha256 → name of that edition: "upstream", "reduced-7273"
};

struct DatasetPart {
  std::string dataset;      // registered name
  std::string split;        // "train", "dev", "test" …
  std::string subset = {};  // MMLU's subject; empty where there is none
};

// Where a data set's files lie and how a row is read. One .cpp in datasets/.
class Dataset {
 public:
  static constexpr const char* kKind = "dataset";
  virtual ~Dataset() = default;

  virtual std::vector<std::string> splits() const = 0;
  virtual std::vector<std::string> subsets() const { return {}; }
  virtual std::vector<DatasetFile> files(const std::string& split, const std::string& subset) const = 0;

  // Rows of the part, keys in the order lm-eval's documents have them. `contents` are the files' bytes in the order of files().
  // Throws Error(kInput) "path:line: what was found, what was expected"; zero rows are an error.
  virtual std::vector<OrderedJson> rows(const std::string& split, const std::string& subset, const std::vector<std::string>& contents) const = 0;
};

// A part read and checked.
struct DatasetRows {
  std::vector<OrderedJson> rows;
  std::string sha256;   // of the file, or of the files' digests joined by newlines
  std::string edition;  // known name, or "unverified"
};

// What tasks read from; the sweep room implements it over the data folder. Parts are read once.
class DatasetSource {
 public:
  virtual ~DatasetSource() = default;
  virtual const DatasetRows& read(const DatasetPart& part) = 0;
};

}  // namespace winnow
