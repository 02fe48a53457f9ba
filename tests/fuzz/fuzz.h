#pragma once
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string_view>

#include "harness/core/error.h"
#include "harness/core/unicode.h"

namespace winnow {

// Foreign bytes are taken, or refused by an Error of one short line of valid UTF-8. Anything else that is thrown gets out, and ends the fuzzer.
inline void take_or_refuse(const std::function<void()>& take) {
  try {
    take();
  } catch (const Error& error) {
    const std::string_view sentence = error.what();
    WINNOW_CHECK(!sentence.empty() && sentence.size() < 4000 && is_valid_utf8(sentence));
  }
}

// A folder of this process in memory, for what is read from files.
inline const std::filesystem::path& scratch_folder() {
  static const std::filesystem::path folder = [] {
    const bool has_memory = ::access("/dev/shm", W_OK | X_OK) == 0;
    const std::filesystem::path path = (has_memory ? "/dev/shm" : std::filesystem::temp_directory_path()) / fmt::format("winnow-fuzz-{}", ::getpid());
    std::filesystem::create_directories(path);
    std::atexit([] { std::filesystem::remove_all(scratch_folder()); });
    return path;
  }();
  return folder;
}

// Writes without waiting for the disk.
inline void write_scratch(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Takes numbers and texts off the front of the fuzzer's bytes; zeros and nothing where they end.
class ByteFeed {
 public:
  ByteFeed(const std::uint8_t* bytes, std::size_t size) : rest_(reinterpret_cast<const char*>(bytes), size) {}

  bool empty() const { return rest_.empty(); }
  template <class Number>
  Number number() {
    Number value{};
    const std::string_view bytes = text(sizeof value);
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  std::string_view text(std::size_t most) {
    const std::string_view taken = rest_.substr(0, most);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

}  // namespace winnow
