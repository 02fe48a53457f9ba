#include "tests/support/recorded_data.h"

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "tests/support/files.h"

namespace winnow::test {

const std::filesystem::path& recorded_data_folder() {
  static const TemporaryFolder folder;
  static const bool is_written = [] {
    std::map<std::string, std::vector<std::string>> files;
    std::istringstream lines(read_text(fixture("lm_eval/data_lines.jsonl")));
    for (std::string line; std::getline(lines, line);) {
      const Json json = Json::parse(line);
      std::vector<std::string>& rows = files[json.at("file")];
      if (json.contains("filler")) {
        rows.assign(json.at("rows"), json.at("filler"));
      } else {
        rows.at(json.at("row")) = json.at("text");
      }
    }
    for (const auto& [path, rows] : files) {
      std::string text;
      for (const std::string& row : rows) text += row + "\n";
      folder.write(path, text);
    }
    return true;
  }();
  static_cast<void>(is_written);
  return folder.path();
}

}  // namespace winnow::test
