#include "harness/sweep/data_folder.h"

#include <map>
#include <tuple>

#include "harness/core/digest.h"
#include "harness/core/files.h"

namespace winnow {
namespace {

class DataFolder : public DatasetSource {
 public:
  DataFolder(std::filesystem::path folder, UnverifiedData unverified) : folder_(std::move(folder)), unverified_(unverified) {}

  const DatasetRows& read(const DatasetPart& part) override {
    const auto name = std::tuple(part.dataset, part.split, part.subset);
    const auto known = parts_.find(name);
    if (known != parts_.end()) return known->second;
    return parts_.emplace(name, read_part(part)).first->second;
  }

 private:
  struct File {
    std::string bytes, sha256, edition;
  };

  DatasetRows read_part(const DatasetPart& part) const {
    if (folder_.empty()) throw input_error("no data folder for the data set {}: give one with --data DIR or in WINNOW_DATA", part.dataset);
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder_, ignored))
      throw input_error("the data folder {} is not there; give another with --data DIR or in WINNOW_DATA", folder_.string());
    const std::unique_ptr<Dataset> dataset = Registry<Dataset>::instance().make(part.dataset);
    DatasetRows result;
    std::vector<std::string> contents;
    std::string digests;
    for (const DatasetFile& known : dataset->files(part.split, part.subset)) {
      File file = read_known(part.dataset, known);
      digests += (digests.empty() ? "" : "\n") + file.sha256;
      result.sha256 = contents.empty() ? file.sha256 : sha256_hex(digests);
      result.edition = contents.empty() || file.edition == result.edition ? file.edition : joined_edition(result.edition, file.edition);
      contents.push_back(std::move(file.bytes));
    }
    try {
      result.rows = dataset->rows(part.split, part.subset, contents);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{}/{}", folder_.string(), error.what()));
    }
    return result;
  }

  File read_known(const std::string& dataset, const DatasetFile& known) const {
    const std::filesystem::path path = folder_ / known.path;
    std::error_code fault;
    if (!known.known.empty() && !std::filesystem::exists(path, fault) && !fault) refuse_missing(dataset, path);
    File file{.bytes = read_file(path)};
    file.sha256 = sha256_hex(file.bytes);
    const auto edition = known.known.find(file.sha256);
    if (known.known.empty()) {  // the sweep named it: there is no other file that it could be taken for
      file.edition = kNamed;
    } else if (edition != known.known.end()) {
      file.edition = edition->second;
    } else if (unverified_ == UnverifiedData::kMarked) {
      file.edition = kUnverified;
    } else {
      std::vector<std::string> editions;
      for (const auto& [sha256, name] : known.known) editions.push_back(name);
      throw input_error(
          "{}: its sha256 {} is none that the data set {} knows ({}); take the known file, or use this one with --unverified-data, which marks every record",
          path.string(), file.sha256, dataset, fmt::join(editions, ", "));
    }
    return file;
  }

  [[noreturn]] void refuse_missing(const std::string& dataset, const std::filesystem::path& path) const {
    const bool is_embedded = dataset.starts_with("demo_");
    throw input_error("{}: is not there; {}", path.string(),
                      is_embedded ? fmt::format("`winnow demo generate --out {}` writes the embedded data sets", folder_.string())
                                  : fmt::format("`winnow fetch {} --data {}` brings the data set", dataset, folder_.string()));
  }

  static std::string joined_edition(const std::string& one, const std::string& other) {
    return one == kUnverified || other == kUnverified ? kUnverified : one + "+" + other;
  }

  static constexpr const char* kUnverified = "unverified";
  static constexpr const char* kNamed = "named-in-sweep";
  std::filesystem::path folder_;
  UnverifiedData unverified_;
  std::map<std::tuple<std::string, std::string, std::string>, DatasetRows> parts_;
};

}  // namespace

std::unique_ptr<DatasetSource> open_data_folder(const std::filesystem::path& folder, UnverifiedData unverified) {
  return std::make_unique<DataFolder>(folder, unverified);
}

}  // namespace winnow
