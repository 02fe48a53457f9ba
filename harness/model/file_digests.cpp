#include "harness/model/file_digests.h"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/core/json.h"
#include "harness/core/terminal.h"
#include "harness/model/checkpoint.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

// A file changed within its clock's resolution after it was hashed would look the same: such digests are not kept.
constexpr std::int64_t kSettledNanoseconds = 2'000'000'000;

Json describe(const fs::path& path, const FileStamp& stamp, const std::string& sha256) {
  return {{"path", path.string()}, {"bytes", stamp.bytes}, {"modified_nanoseconds", stamp.modified_nanoseconds}, {"sha256", sha256}};
}

std::optional<std::string> look_up(const fs::path& entry, const fs::path& path, const FileStamp& stamp) {
  std::error_code ignored;
  if (!fs::exists(entry, ignored)) return std::nullopt;
  try {
    const Json cached = parse_json(read_file(entry, 65'536), entry.string());
    const auto sha256 = cached.is_object() ? cached.find("sha256") : cached.end();
    if (sha256 == cached.end() || !sha256->is_string() || sha256->get_ref<const std::string&>().size() != 64) return std::nullopt;
    if (cached != describe(path, stamp, sha256->get<std::string>())) return std::nullopt;
    return sha256->get<std::string>();
  } catch (const Error&) {
    return std::nullopt;
  }
}

void keep(const fs::path& entry, const Json& digest) {
  std::error_code failed;
  fs::create_directories(entry.parent_path(), failed);
  try {
    write_file(entry, digest.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  } catch (const Error&) {
    // A cache on a full or read-only disk costs time, nothing else.
  }
}

}  // namespace

FileStamp stamp_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw input_error("{}: {}", printable(path.string()), std::strerror(errno));
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .bytes = static_cast<std::uint64_t>(status.st_size),
          .modified_nanoseconds = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec};
}

std::string cached_sha256(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  const fs::path entry = cache_folder() / "digests" / (sha256_hex(whole.string()) + ".json");
  const FileStamp before = stamp_of(path);
  if (const auto cached = look_up(entry, whole, before)) return *cached;
  const std::string sha256 = sha256_file(path);
  if (stamp_of(path) != before) throw input_error("{}: changed while it was read", printable(path.string()));
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  if (now - before.modified_nanoseconds > kSettledNanoseconds) keep(entry, describe(whole, before, sha256));
  return sha256;
}

}  // namespace winnow
