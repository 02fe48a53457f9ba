#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace winnow {

// A public file whose bytes are known.
struct RemoteFile {
  std::string url;
  std::uint64_t bytes = 0;
  std::string sha256;
};

struct DownloadSettings {
  double connect_seconds = 20;
  double stall_seconds = 30;  // without a byte, then the attempt has failed
  int attempts = 5;           // in a row that bring nothing
  double first_wait_seconds = 0.5, longest_wait_seconds = 30;
  std::function<void(std::uint64_t bytes)> on_progress = {};  // of the file under way; a few times a second
  std::function<bool()> should_stop = {};
};

// Fetches files one after another over one connection. What has come stays in the part file and is gone on with next time (Range, and If-Range
// where the server names a version); bytes that are not the known ones are thrown away. Redirects are followed, from https to https only.
// Proxies are those of the environment.
class Downloader {
 public:
  explicit Downloader(DownloadSettings settings);
  ~Downloader();
  Downloader(const Downloader&) = delete;
  Downloader& operator=(const Downloader&) = delete;

  enum class Outcome { kWhole, kStopped };
  // kWhole: `part` holds the bytes, all of them and verified, for the caller to rename or convert. kStopped: it should stop; what came stays.
  // Throws Error(kInput) saying what came instead, or that another process fetches the same file.
  Outcome fetch(const RemoteFile& file, const std::filesystem::path& part);

 private:
  class Attempt;
  bool pause(double seconds) const;
  DownloadSettings settings_;
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace winnow
