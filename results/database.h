#pragma once
#include <SQLiteCpp/Database.h>

#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace winnow {

inline constexpr std::uint32_t kApplicationId = 0x574E4E57;  // "WNNW" in the header of every store
inline constexpr int kSchemaVersion = 3;                     // user_version of the stores this Winnow writes

// Statements that bring a store of version `from` to `from` + 1.
struct Migration {
  int from;
  std::string sql;
};

// What opening a store may meet, and the store as it should be after. Tests pass their own.
struct SchemaHistory {
  int version;
  std::span<const Migration> migrations;
  int oldest_readable = version;  // older stores have all that a reader asks for from this version on
};
SchemaHistory schema_history();

enum class Access {
  kWrite,  // makes the file where there is none, brings an older one up to date (a copy is kept beside it)
  kRead,   // writes nothing; works on a read-only file in a read-only folder
};

// Opens a store with all its checks. Throws Error(kInput) for anything that is not a whole Winnow store of a version known here, for a
// folder that cannot be written, and for a network file system when writing.
SQLite::Database open_database(const std::filesystem::path& file, Access access, const SchemaHistory& history = schema_history());

// What open_database refuses before it touches the file, asked before any other work is done: a foreign file, a folder that cannot be written,
// a network file system.
void check_place_to_write(const std::filesystem::path& file, const SchemaHistory& history = schema_history());

// The name of a file system on which SQLite's write-ahead log does not work, by its statfs type; nothing for the others.
std::optional<std::string> network_file_system(long type);

// Turns what SQLite reports about the disk or the file into an Error(kInput) of one sentence; a bug in a statement stays an SQLite::Exception.
// To be called inside a catch block.
[[noreturn]] void rethrow_store_error(const std::filesystem::path& file, const SQLite::Exception& error, sqlite3* database);

}  // namespace winnow
