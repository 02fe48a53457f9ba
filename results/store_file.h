#pragma once
#include <cstdint>
#include <filesystem>

namespace winnow {

// What the first 100 bytes of an SQLite file say, read without SQLite so that a file that is refused stays as it is.
struct StoreFile {
  bool exists = false;
  bool is_empty = false;     // no byte yet: a store may be made in it
  bool has_journal = false;  // a rollback journal lies beside it: the header may be unfinished
  bool has_log = false;      // a write-ahead log with content lies beside it: the header may be older than the store
  std::uint32_t user_version = 0;
  std::uint32_t application_id = 0;
};

// Throws Error(kInput) for what is not a regular file, cannot be read, is no SQLite database, or ends early.
StoreFile inspect_store_file(const std::filesystem::path& file);

}  // namespace winnow
