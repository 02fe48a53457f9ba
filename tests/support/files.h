#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace winnow::test {

// An empty folder of this test's own; removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  // Writes a file in the folder (folders between are made) and returns its path.
  std::filesystem::path write(std::string_view name, std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

std::filesystem::path source_folder();                     // the root of the repository
std::filesystem::path fixture(std::string_view name);      // tests/fixtures/<name>; a missing one fails the test by an exception
std::string read_text(const std::filesystem::path& path);  // the bytes of a file; an exception where it cannot be read

// The real data sets: $WINNOW_DATA, else ../shared/datasets beside the repository. Empty where there are none:
//   const auto data = real_data_folder();
//   if (!data) GTEST_SKIP() << kNoRealData;
std::optional<std::filesystem::path> real_data_folder();
inline constexpr const char* kNoRealData = "the real data sets are not here (WINNOW_DATA, or ../shared/datasets)";

}  // namespace winnow::test
