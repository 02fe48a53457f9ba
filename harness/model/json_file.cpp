#include "harness/model/json_file.h"

#include "harness/model/safetensors.h"

namespace winnow {

Json read_folder_json(const std::filesystem::path& path) {
  constexpr std::size_t kMostBytes = std::size_t{256} << 20;
  const MappedFile file(path);  // its words for links and special files are those of the weights
  const std::string_view text = file.bytes();
  if (text.size() > kMostBytes) throw input_error("{}: has {} bytes; {} are the most a JSON file here can have", file.name(), text.size(), kMostBytes);
  if (text.starts_with("version https://git-lfs"))
    throw input_error("{}: is a git-lfs pointer, not the file itself; run `git lfs pull` in its folder", file.name());
  if (text.starts_with("<")) throw input_error("{}: is a web page, not JSON; the download went wrong, get it again", file.name());
  return parse_json(text, file.name());
}

}  // namespace winnow
