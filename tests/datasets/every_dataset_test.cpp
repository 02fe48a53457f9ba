// What must hold for every registered data set: a new one is tested the moment it exists.
#include <filesystem>
#include <set>

#include "harness/api/dataset.h"
#include "tests/support/dataset_sources.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow::test {
namespace {

class EveryDataset : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Dataset> make() const { return Registry<Dataset>::instance().make(GetParam()); }

  // Every part of the set; of many subsets the first few.
  static std::vector<DatasetPart> parts(const Dataset& dataset, std::size_t most_subsets = 3) {
    std::vector<std::string> subsets = dataset.subsets();
    if (subsets.empty()) subsets.push_back("");
    subsets.resize(std::min(subsets.size(), most_subsets));
    std::vector<DatasetPart> parts;
    for (const std::string& split : dataset.splits()) {
      for (const std::string& subset : subsets) parts.push_back({GetParam(), split, subset});
    }
    return parts;
  }

  static std::vector<std::string> samples(const Dataset& dataset, const DatasetPart& part) {
    std::vector<std::string> contents;
    for (const DatasetFile& file : dataset.files(part.split, part.subset)) contents.push_back(sample_file(GetParam(), file.path));
    return contents;
  }
};

TEST_P(EveryDataset, HasASummaryAndAVersion) {
  const Registered<Dataset>& entry = Registry<Dataset>::instance().find(GetParam());
  EXPECT_FALSE(entry.summary.empty());
  EXPECT_GE(entry.version, 1);
}

TEST_P(EveryDataset, NamesEachSplitAndSubsetOnce) {
  const auto dataset = make();
  const std::vector<std::string> splits = dataset->splits(), subsets = dataset->subsets();
  EXPECT_FALSE(splits.empty());
  EXPECT_EQ(std::set<std::string>(splits.begin(), splits.end()).size(), splits.size());
  EXPECT_EQ(std::set<std::string>(subsets.begin(), subsets.end()).size(), subsets.size());
}

TEST_P(EveryDataset, LiesBelowTheDataFolderAndKnowsItsDigests) {
  const auto dataset = make();
  for (const DatasetPart& part : parts(*dataset, 1000)) {
    const std::vector<DatasetFile> files = dataset->files(part.split, part.subset);
    EXPECT_FALSE(files.empty());
    for (const DatasetFile& file : files) {
      const std::filesystem::path path = file.path;
      EXPECT_TRUE(path.is_relative()) << path;
      for (const auto& step : path) EXPECT_NE(step, "..") << path;
      EXPECT_FALSE(file.known.empty()) << path;
      for (const auto& [sha256, edition] : file.known) {
        EXPECT_EQ(sha256.size(), 64u) << path;
        EXPECT_EQ(sha256.find_first_not_of("0123456789abcdef"), std::string::npos) << path;
        EXPECT_FALSE(edition.empty()) << path;
        EXPECT_NE(edition, "unverified") << path;
      }
    }
  }
}

TEST_P(EveryDataset, RefusesASplitItDoesNotHaveNamingThoseItHas) {
  const auto dataset = make();
  const std::string subset = dataset->subsets().empty() ? "" : dataset->subsets().front();
  EXPECT_ERROR_THAT(dataset->files("validtest", subset), kInput,
                    testing::AllOf(testing::HasSubstr(GetParam()), testing::HasSubstr("'validtest'"), testing::HasSubstr(dataset->splits().back())));
  EXPECT_ERROR_HAS(dataset->files("", subset), kInput, GetParam());
}

TEST_P(EveryDataset, RefusesASubsetItDoesNotHave) {
  const auto dataset = make();
  EXPECT_ERROR_HAS(dataset->files(dataset->splits().front(), "../../etc"), kInput, "no subset '../../etc'");
  if (dataset->subsets().empty()) return;
  EXPECT_ERROR_HAS(dataset->files(dataset->splits().front(), ""), kInput, "no subset ''");
}

TEST_P(EveryDataset, RefusesASettingItDoesNotKnow) { EXPECT_ERROR_HAS(Registry<Dataset>::instance().make(GetParam(), {{"flavour", 1}}), kInput, "flavour"); }

TEST_P(EveryDataset, ReadsItsSampleTwiceAlikeWithTheSameKeysInEveryRow) {
  const auto dataset = make();
  const auto keys = [](const OrderedJson& row) {
    std::vector<std::string> keys;
    for (const auto& item : row.items()) keys.push_back(item.key());
    return keys;
  };
  for (const DatasetPart& part : parts(*dataset)) {
    const auto contents = samples(*dataset, part);
    const std::vector<OrderedJson> rows = dataset->rows(part.split, part.subset, contents);
    ASSERT_FALSE(rows.empty());
    EXPECT_EQ(OrderedJson(rows).dump(), OrderedJson(make()->rows(part.split, part.subset, contents)).dump());
    for (const OrderedJson& row : rows) EXPECT_EQ(keys(row), keys(rows.front()));
  }
}

TEST_P(EveryDataset, AcceptsAByteOrderMarkAndCarriageReturns) {
  const auto dataset = make();
  for (const DatasetPart& part : parts(*dataset)) {
    std::vector<std::string> contents = samples(*dataset, part);
    const std::size_t rows = dataset->rows(part.split, part.subset, contents).size();
    for (std::string& bytes : contents) {
      std::string changed = "\xEF\xBB\xBF";
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] == '\n' && (i == 0 || bytes[i - 1] != '\r')) changed += '\r';
        changed += bytes[i];
      }
      bytes = changed;
    }
    EXPECT_EQ(dataset->rows(part.split, part.subset, contents).size(), rows);
  }
}

TEST_P(EveryDataset, RefusesAnEmptyFileAndBytesThatAreNoTextNamingTheFile) {
  const auto dataset = make();
  for (const DatasetPart& part : parts(*dataset)) {
    const std::vector<std::string> contents = samples(*dataset, part);
    const std::vector<DatasetFile> files = dataset->files(part.split, part.subset);
    for (std::size_t i = 0; i < files.size(); ++i) {
      std::vector<std::string> broken = contents;
      broken[i] = "";
      EXPECT_ERROR_HAS(dataset->rows(part.split, part.subset, broken), kInput, files[i].path);
      broken[i] = "\x80\xFF\n";
      EXPECT_ERROR_HAS(dataset->rows(part.split, part.subset, broken), kInput, files[i].path + ":1");
    }
  }
}

// Never a crash, never more rows than the whole file has.
TEST_P(EveryDataset, ReadsAFileThatIsCutOffAsFewerRowsOrRefusesItByName) {
  const auto dataset = make();
  const DatasetPart part = parts(*dataset).front();
  const std::vector<std::string> contents = samples(*dataset, part);
  const std::vector<DatasetFile> files = dataset->files(part.split, part.subset);
  const std::size_t whole = dataset->rows(part.split, part.subset, contents).size();
  for (std::size_t size = 0; size < contents[0].size(); ++size) {
    std::vector<std::string> cut = contents;
    cut[0].resize(size);
    try {
      EXPECT_LE(dataset->rows(part.split, part.subset, cut).size(), whole);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      EXPECT_THAT(error.what(), testing::HasSubstr(files[0].path));
    }
  }
}

TEST_P(EveryDataset, HasItsKnownFilesInTheRealDataFolder) {
  const bool is_embedded = GetParam().starts_with("demo_");
  const auto folder = is_embedded ? source_folder() / "datasets" : real_data_folder();
  if (!folder) GTEST_SKIP() << kNoRealData;
  const auto dataset = make();
  const auto source = folder_source(*folder);
  for (const DatasetPart& part : parts(*dataset, 1000)) {
    const DatasetRows& rows = source->read(part);
    EXPECT_NE(rows.edition, "unverified") << part.dataset << " " << part.split << " " << part.subset;
    EXPECT_FALSE(rows.rows.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryDataset, testing::ValuesIn(Registry<Dataset>::instance().names()), [](const auto& test) { return test.param; });

}  // namespace
}  // namespace winnow::test
