#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "harness/sweep/checked_json.h"
#include "harness/sweep/sweep_file.h"

namespace winnow {

// A path as a sweep file names it: from the file's folder unless absolute.
std::string from_folder(const std::filesystem::path& folder, const std::string& path);

// The registered name under `key`, such as "pruner": "random"; throws at its place.
std::string plug_in_name(const CheckedJson& file, const std::string& path, const Json& item, const std::string& key, const std::vector<std::string>& known);

// Reads the entries of "variants"; each fault is told at its place in the file.
class VariantReader {
 public:
  VariantReader(const CheckedJson& file, const std::filesystem::path& folder, const PrunerDeclarations& pruners)
      : file_(file), folder_(folder), pruners_(pruners) {}

  // The variant at `path`, or one for each of its seeds.
  std::vector<VariantSpec> read(const std::string& path, const Json& item) const;
  CalibrationSpec read_calibration(const std::string& path, const Json& item) const;

  // What tells two variants apart: all but the label.
  std::string identity(const VariantSpec& variant) const;

 private:
  StepSpec read_step(const std::string& path, const Json& item) const;
  std::vector<VariantSpec> replicates(const std::string& path, const VariantSpec& variant, const std::vector<std::uint64_t>& seeds) const;
  Error fault(const std::string& path, const std::string& sentence) const { return file_.fault(path, CheckedJson::At::kValue, sentence); }

  const CheckedJson& file_;
  std::filesystem::path folder_;
  const PrunerDeclarations& pruners_;
};

}  // namespace winnow
