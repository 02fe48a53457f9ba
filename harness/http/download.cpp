#include "harness/http/download.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/files.h"
#include "harness/core/terminal.h"
#include "harness/http/easy.h"

namespace winnow {
namespace {

constexpr long kMaxRedirects = 8;
constexpr std::size_t kMaxVersionBytes = 200;

// The file that grows; locked while it does.
class PartFile {
 public:
  explicit PartFile(const std::filesystem::path& path) : path_(path), version_path_(path.string() + ".version") {
    descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    struct stat found = {};
    if (descriptor_ < 0 || fstat(descriptor_, &found) != 0 || !S_ISREG(found.st_mode)) {
      const int reason = errno;
      if (descriptor_ >= 0) close(descriptor_);
      throw input_error("{}: cannot be written: {}", path.string(), descriptor_ < 0 ? std::strerror(reason) : "it is no regular file");
    }
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      close(descriptor_);
      throw input_error("{}: another process is fetching this file", path.string());
    }
    size_ = static_cast<std::uint64_t>(found.st_size);
  }
  ~PartFile() { close(descriptor_); }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  std::uint64_t size() const { return size_; }

  void append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
      if (written < 0) throw input_error("{}: cannot be written: {}", path_.string(), std::strerror(errno));
      size_ += static_cast<std::uint64_t>(written);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void clear() {
    if (ftruncate(descriptor_, 0) != 0) throw input_error("{}: cannot be written: {}", path_.string(), std::strerror(errno));
    size_ = 0;
    forget_version();
  }
  void sync() {
    if (fsync(descriptor_) != 0) throw input_error("{}: cannot be written: {}", path_.string(), std::strerror(errno));
    forget_version();
  }
  void discard() {
    std::filesystem::remove(path_);
    forget_version();
  }

  // What the server called the version that this is the beginning of.
  std::string version() const { return size_ > 0 && std::filesystem::exists(version_path_) ? read_file(version_path_, kMaxVersionBytes) : ""; }
  void remember_version(const std::string& version) const {
    if (!version.empty() && version.size() <= kMaxVersionBytes) write_file(version_path_, version);
  }

 private:
  void forget_version() const {
    std::error_code ignored;
    std::filesystem::remove(version_path_, ignored);
  }

  std::filesystem::path path_, version_path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

std::string header_of(CURL* easy, const char* name) {
  curl_header* header = nullptr;
  return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : "";
}

// A version that If-Range may name: strong ETags only, else the date.
std::string version_of(CURL* easy) {
  const std::string tag = header_of(easy, "ETag");
  return tag.starts_with('"') ? tag : header_of(easy, "Last-Modified");
}

bool passes(long status) { return status == 408 || status == 425 || status == 429 || status >= 500; }

}  // namespace

struct Downloader::Handle {
  Easy easy = make_easy("http://localhost");  // its connections live on from file to file
};

// One request for the rest of a file.
class Downloader::Attempt {
 public:
  enum class End { kWhole, kStopped, kBroken };

  Attempt(const DownloadSettings& settings, CURL* easy, const RemoteFile& file, PartFile& part) : settings_(settings), easy_(easy), file_(file), part_(part) {}

  End run() {
    set_options();
    const CURLcode code = curl_easy_perform(easy_);
    if (fault_) std::rethrow_exception(fault_);
    if (code == CURLE_ABORTED_BY_CALLBACK) return End::kStopped;
    const long status = status_now();
    if (code == CURLE_OK && passes(status)) {
      curl_off_t wait = 0;
      curl_easy_getinfo(easy_, CURLINFO_RETRY_AFTER, &wait);
      retry_after_seconds = static_cast<double>(wait);
      return broken(fmt::format("the server answers {}", status));
    }
    if (code == CURLE_OK && status == 416) {  // there is no such rest: what is here is of another file
      part_.clear();
      return broken("the server does not know the part that was fetched before");
    }
    if (code == CURLE_OK && status != 200 && status != 206) throw input_error("{}: the server answers {}, expected the file", file_.url, status);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
        code == CURLE_TOO_MANY_REDIRECTS) {
      throw input_error("{}: {}", file_.url, one_line(reason_of(code, details_), 300));
    }
    if (code != CURLE_OK) return broken(reason_of(code, details_));
    return End::kWhole;
  }

  std::string reason;
  double retry_after_seconds = 0;

 private:
  void set_options() {
    curl_easy_reset(easy_);
    set_common_options(easy_, file_.url);
    curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, details_);
    curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy_, CURLOPT_MAXREDIRS, kMaxRedirects);
    curl_easy_setopt(easy_, CURLOPT_REDIR_PROTOCOLS_STR, file_.url.starts_with("https") ? "https" : "http,https");
    curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings_.connect_seconds * 1000));
    curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(std::ceil(settings_.stall_seconds))));
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Attempt::take);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy_, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy_, CURLOPT_XFERINFOFUNCTION, &Attempt::look);
    curl_easy_setopt(easy_, CURLOPT_XFERINFODATA, this);
    if (part_.size() == 0) return;
    curl_easy_setopt(easy_, CURLOPT_RANGE, fmt::format("{}-", part_.size()).c_str());
    if (const std::string version = part_.version(); !version.empty()) {
      headers_.reset(curl_slist_append(nullptr, ("If-Range: " + version).c_str()));
      curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_.get());
    }
  }

  long status_now() const {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    return status;
  }

  End broken(std::string why) {
    reason = std::move(why);
    return End::kBroken;
  }

  // Before the first byte: is it the file, or the rest that was asked for?
  bool begin_body() {
    const long status = status_now();
    if (status == 200) {
      part_.clear();
      part_.remember_version(version_of(easy_));
      return true;
    }
    if (status != 206) return false;  // the body of an error
    const std::string range = header_of(easy_, "Content-Range");
    if (!range.starts_with(fmt::format("bytes {}-", part_.size()))) {
      throw input_error("{}: the server sends '{}', expected the bytes from {} on", file_.url, one_line(range, 60), part_.size());
    }
    return true;
  }

  static std::size_t take(char* bytes, std::size_t, std::size_t count, void* pointer) {
    auto& attempt = *static_cast<Attempt*>(pointer);
    try {
      if (!attempt.has_begun_) attempt.is_file_ = attempt.begin_body();
      attempt.has_begun_ = true;
      if (!attempt.is_file_) return count;
      if (attempt.part_.size() + count > attempt.file_.bytes) {
        attempt.part_.discard();
        throw input_error("{}: the server sends more than the {} bytes that the file has", attempt.file_.url, attempt.file_.bytes);
      }
      attempt.part_.append({bytes, count});
      return count;
    } catch (...) {  // not through C
      attempt.fault_ = std::current_exception();
      return 0;
    }
  }

  static int look(void* pointer, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    const auto& attempt = *static_cast<Attempt*>(pointer);
    if (attempt.settings_.on_progress) attempt.settings_.on_progress(attempt.part_.size());
    return attempt.settings_.should_stop && attempt.settings_.should_stop() ? 1 : 0;
  }

  const DownloadSettings& settings_;
  CURL* easy_;
  const RemoteFile& file_;
  PartFile& part_;
  HeaderList headers_;
  bool has_begun_ = false, is_file_ = false;
  std::exception_ptr fault_;
  char details_[CURL_ERROR_SIZE] = {};
};

Downloader::Downloader(DownloadSettings settings) : settings_(std::move(settings)), handle_(std::make_unique<Handle>()) {}
Downloader::~Downloader() = default;

Downloader::Outcome Downloader::fetch(const RemoteFile& file, const std::filesystem::path& path) {
  PartFile part(path);
  if (part.size() > file.bytes) part.clear();
  bool may_be_stale = part.size() > 0;
  int failures = 0;
  for (;;) {
    const std::uint64_t before = part.size();
    Attempt attempt(settings_, handle_->easy.get(), file, part);
    if (before < file.bytes || file.bytes == 0) {
      const Attempt::End end = attempt.run();
      if (end == Attempt::End::kStopped) return Outcome::kStopped;
      if (end == Attempt::End::kBroken) {
        failures = part.size() > before ? 1 : failures + 1;
        if (failures >= settings_.attempts) throw input_error("{}: {} (after {} attempts)", file.url, one_line(attempt.reason, 300), failures);
        if (!pause(std::max(attempt.retry_after_seconds, settings_.first_wait_seconds * std::exp2(failures - 1)))) return Outcome::kStopped;
        continue;
      }
    }
    part.sync();
    const std::string sha256 = part.size() == file.bytes ? sha256_file(path) : "";
    if (sha256 == file.sha256) return Outcome::kWhole;
    const std::uint64_t bytes = part.size();
    if (may_be_stale) {  // its beginning may be of another time
      may_be_stale = false;
      part.clear();
      continue;
    }
    part.discard();
    if (sha256.empty()) throw input_error("{}: the server sends {} bytes, expected {}; the file there is not the known one", file.url, bytes, file.bytes);
    throw input_error("{}: the sha256 of what the server sends is {}, expected {}; the file there is not the known one", file.url, sha256, file.sha256);
  }
}

// Whether to go on.
bool Downloader::pause(double seconds) const {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(seconds, settings_.longest_wait_seconds)));
  while (Clock::now() < end) {
    if (settings_.should_stop && settings_.should_stop()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace winnow
