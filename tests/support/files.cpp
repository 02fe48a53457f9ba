#include "tests/support/files.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace winnow::test {
namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (fs::temp_directory_path() / "winnow-test-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make a temporary folder like " + pattern);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path TemporaryFolder::write(std::string_view name, std::string_view bytes) const {
  const fs::path path = path_ / name;
  fs::create_directories(path.parent_path());
  std::ofstream stream(path, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) throw std::runtime_error("cannot write " + path.string());
  return path;
}

fs::path source_folder() {
  const char* carried = std::getenv("WINNOW_SOURCE");
  return carried && *carried ? fs::path(carried) : fs::path(WINNOW_SOURCE_DIR);
}

fs::path fixture(std::string_view name) {
  const fs::path path = source_folder() / "tests" / "fixtures" / name;
  if (!fs::exists(path)) throw std::runtime_error("no fixture " + path.string());
  return path;
}

std::string read_text(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (stream) text << stream.rdbuf();
  if (!stream) throw std::runtime_error("cannot read " + path.string());
  return text.str();
}

std::optional<fs::path> real_data_folder() {
  const char* named = std::getenv("WINNOW_DATA");
  const fs::path folder = named && *named ? fs::path(named) : source_folder().parent_path() / "shared" / "datasets";
  if (!fs::is_directory(folder)) return std::nullopt;
  return fs::canonical(folder);
}

}  // namespace winnow::test
