#include "results/database.h"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <thread>

#include "harness/core/error.h"
#include "harness/core/terminal.h"
#include "results/schema_text.h"
#include "results/store_file.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
constexpr auto kBusyTimeout = 60s;
constexpr int kLongestValue = 1 << 28;  // bytes of a text or blob

fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

std::optional<std::string> network_file_system_of(const fs::path& folder) {
  struct statfs status {};
  if (::statfs(folder.c_str(), &status) != 0) return std::nullopt;
  return network_file_system(static_cast<long>(status.f_type));
}

int pragma_value(SQLite::Database& database, const char* pragma) { return database.execAndGet(pragma).getInt(); }

void set_up_connection(SQLite::Database& database) {
  database.exec("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON");
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(database.getHandle(), SQLITE_LIMIT_LENGTH, kLongestValue);
}

void refuse_foreign(const fs::path& file, std::uint32_t application_id, std::uint32_t version, const SchemaHistory& history) {
  if (application_id != kApplicationId) {
    throw input_error("{}: an SQLite database, but not a Winnow store (application id {:#x}, expected {:#x}); name another file", file.string(), application_id,
                      kApplicationId);
  }
  if (version > static_cast<std::uint32_t>(history.version)) {
    throw input_error("{}: written by a newer Winnow: its schema has version {}, this Winnow knows versions up to {}; use the newer Winnow or another store",
                      file.string(), version, history.version);
  }
}

bool is_blank(SQLite::Database& database) {
  return pragma_value(database, "PRAGMA application_id") == 0 && pragma_value(database, "PRAGMA user_version") == 0 &&
         database.execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0;
}

void set_version(SQLite::Database& database, int version) { database.exec("PRAGMA user_version = " + std::to_string(version)); }

void make_schema_where_blank(SQLite::Database& database, const SchemaHistory& history) {
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  if (is_blank(database)) {  // else another process has just made it
    database.exec(kSchemaSql);
    database.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
    set_version(database, history.version);
  }
  transaction.commit();
}

// A whole copy of the store as it was, under a name of its own; made under another name first, so that a backup that is there is complete.
void back_up(SQLite::Database& database, const fs::path& file, int version) {
  const fs::path backup = fmt::format("{}.version-{}.bak", file.string(), version);
  const fs::path unfinished = fmt::format("{}.{}.tmp", backup.string(), ::getpid());
  fs::remove(unfinished);
  SQLite::Statement vacuum(database, "VACUUM INTO ?");
  vacuum.bind(1, unfinished.string());
  vacuum.exec();
  if (inspect_store_file(unfinished).user_version == static_cast<std::uint32_t>(version)) {
    fs::rename(unfinished, backup);
  } else {
    fs::remove(unfinished);  // another process migrated the store meanwhile
  }
}

void migrate(SQLite::Database& database, const fs::path& file, const SchemaHistory& history) {
  const int oldest = pragma_value(database, "PRAGMA user_version");
  if (oldest == history.version) return;
  back_up(database, file, oldest);
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  for (int version = pragma_value(database, "PRAGMA user_version"); version < history.version; ++version) {
    const Migration* step = nullptr;
    for (const Migration& candidate : history.migrations) {
      if (candidate.from == version) step = &candidate;
    }
    if (step == nullptr)
      throw input_error("{}: its schema has version {}, older than any that this Winnow can bring up to version {}", file.string(), version, history.version);
    database.exec(step->sql);
    set_version(database, version + 1);
  }
  transaction.commit();
}

std::set<std::string> columns_of(SQLite::Database& database, const std::string& table) {
  std::set<std::string> columns;
  SQLite::Statement find(database, "SELECT name FROM pragma_table_info(?)");
  find.bind(1, table);
  while (find.executeStep()) columns.insert(find.getColumn(0).getString());
  return columns;
}

// The columns of every table, as the schema has them.
const std::map<std::string, std::set<std::string>>& known_columns() {
  static const std::map<std::string, std::set<std::string>> known = [] {
    SQLite::Database empty(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    empty.exec(kSchemaSql);
    std::map<std::string, std::set<std::string>> columns;
    SQLite::Statement tables(empty, "SELECT name FROM sqlite_master WHERE type = 'table'");
    while (tables.executeStep()) columns.emplace(tables.getColumn(0).getString(), columns_of(empty, tables.getColumn(0).getString()));
    return columns;
  }();
  return known;
}

void refuse_lacking_columns(SQLite::Database& database, const fs::path& file) {
  for (const auto& [table, known] : known_columns()) {
    const std::set<std::string> columns = columns_of(database, table);
    if (columns.empty()) continue;  // of an older store
    for (const std::string& column : known) {
      if (!columns.contains(column))
        throw input_error("{}: the store is damaged: its table '{}' has no column '{}'; restore it from a copy", file.string(), table, column);
    }
  }
}

void refuse_incomplete(SQLite::Database& database, const fs::path& file) {
  if (const std::string encoding = database.execAndGet("PRAGMA encoding").getString(); encoding != "UTF-8")
    throw input_error("{}: its texts are stored as {}, expected UTF-8 as every Winnow store has them; restore it from a copy", file.string(), encoding);
  for (const char* table : {"sweeps", "cells", "environment", "plans", "trials", "metrics", "examples", "prompts", "arguments", "answers"}) {
    SQLite::Statement find(database, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?");
    find.bind(1, std::string(table));
    find.executeStep();
    if (find.getColumn(0).getInt() != 1) throw input_error("{}: the store is damaged: it has no table '{}'; restore it from a copy", file.string(), table);
  }
  refuse_lacking_columns(database, file);
}

// Switching to the write-ahead log needs the file for itself for a moment, and SQLite does not wait for that by itself.
void use_write_ahead_log(SQLite::Database& database, const fs::path& file) {
  const auto deadline = std::chrono::steady_clock::now() + kBusyTimeout;
  for (;;) {
    try {
      const std::string mode = database.execAndGet("PRAGMA journal_mode = WAL").getString();
      if (mode != "wal")
        throw input_error("{}: the file system refuses SQLite's write-ahead log (journal mode '{}'); name a store on a local disk with --store", file.string(),
                          mode);
      break;
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() != SQLITE_BUSY || std::chrono::steady_clock::now() > deadline) throw;
      std::this_thread::sleep_for(20ms);
    }
  }
  database.exec("PRAGMA synchronous = FULL");
}

// SQLite's log needs memory that processes share through a file; not every file system has it, whatever its name.
void try_shared_memory(const fs::path& file, const fs::path& folder) {
  int probe = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (probe < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    std::string name = (folder / ".winnow-XXXXXX").string();
    probe = ::mkostemp(name.data(), O_CLOEXEC);
    if (probe >= 0) ::unlink(name.c_str());
  }
  if (probe < 0) throw input_error("{}: the store cannot be written: folder {}: {}", file.string(), folder.string(), std::strerror(errno));
  constexpr std::size_t kBytes = 4096;
  void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, probe, 0);
  const int reason = errno;
  if (memory != MAP_FAILED) ::munmap(memory, kBytes);
  ::close(probe);
  if (memory == MAP_FAILED) {
    throw input_error(
        "{}: the file system of folder {} has no memory that processes share, which SQLite's write-ahead log needs ({}); name a store on a local disk with "
        "--store",
        file.string(), folder.string(), std::strerror(reason));
  }
}

}  // namespace

void check_place_to_write(const fs::path& file, const SchemaHistory& history) {
  const fs::path folder = folder_of(file);
  const StoreFile found = inspect_store_file(file);
  if (found.exists && !found.is_empty && !found.has_journal) refuse_foreign(file, found.application_id, found.user_version, history);
  if (!fs::is_directory(folder)) throw input_error("{}: the store cannot be made: there is no folder {}", file.string(), folder.string());
  if (const auto name = network_file_system_of(folder)) {
    throw input_error("{}: lies on {}, where SQLite's write-ahead log is not safe; name a store on a local disk with --store and copy it afterwards",
                      file.string(), *name);
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw input_error("{}: the store cannot be written: folder {}: {}", file.string(), folder.string(), std::strerror(errno));
  if (found.exists && ::access(file.c_str(), R_OK | W_OK) != 0) throw input_error("{}: the store cannot be written: {}", file.string(), std::strerror(errno));
  try_shared_memory(file, folder);
}

namespace {

SQLite::Database open_to_write(const fs::path& file, const SchemaHistory& history) {
  check_place_to_write(file, history);
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, static_cast<int>(std::chrono::milliseconds(kBusyTimeout).count()));
  set_up_connection(database);
  if (is_blank(database)) make_schema_where_blank(database, history);
  refuse_foreign(file, static_cast<std::uint32_t>(pragma_value(database, "PRAGMA application_id")),
                 static_cast<std::uint32_t>(pragma_value(database, "PRAGMA user_version")), history);
  migrate(database, file, history);
  refuse_incomplete(database, file);
  use_write_ahead_log(database, file);
  return database;
}

std::string immutable_uri(const fs::path& file) {
  std::string uri = "file:";
  for (const unsigned char byte : file.string()) {
    const bool is_plain = std::isalnum(byte) || byte == '/' || byte == '.' || byte == '-' || byte == '_';
    uri += is_plain ? std::string(1, static_cast<char>(byte)) : fmt::format("%{:02X}", byte);
  }
  return uri + "?immutable=1";
}

// Where it may, a reader takes part in SQLite's locking (it then sees a running sweep's newest answers, and leaves no file behind).
SQLite::Database connect_to_read(const fs::path& file, const StoreFile& found) {
  const fs::path folder = folder_of(file);
  const bool may_lock = ::access(folder.c_str(), W_OK | X_OK) == 0 && ::access(file.c_str(), W_OK) == 0 && !network_file_system_of(folder);
  const int one_thread = SQLite::OPEN_NOMUTEX;  // saves two locks for each column of a million rows
  if (!may_lock && !found.has_log) return SQLite::Database(immutable_uri(file), SQLite::OPEN_READONLY | SQLite::OPEN_URI | one_thread);
  return SQLite::Database(file.string(), (may_lock ? SQLite::OPEN_READWRITE : SQLite::OPEN_READONLY) | one_thread,
                          static_cast<int>(std::chrono::milliseconds(kBusyTimeout).count()));
}

SQLite::Database open_to_read(const fs::path& file, const SchemaHistory& history) {
  const StoreFile found = inspect_store_file(file);
  if (!found.exists) throw input_error("{}: there is no such store; `winnow run SWEEP.json` makes one", file.string());
  if (found.is_empty) throw input_error("{}: the file is empty, not a Winnow store", file.string());
  if (!found.has_journal) refuse_foreign(file, found.application_id, found.user_version, history);
  SQLite::Database database = connect_to_read(file, found);
  set_up_connection(database);
  refuse_foreign(file, static_cast<std::uint32_t>(pragma_value(database, "PRAGMA application_id")),
                 static_cast<std::uint32_t>(pragma_value(database, "PRAGMA user_version")), history);
  if (const int version = pragma_value(database, "PRAGMA user_version"); version < history.oldest_readable) {
    throw input_error("{}: its schema has version {}, this Winnow reads version {}; `winnow run` with this store brings it up to date and keeps a copy",
                      file.string(), version, history.version);
  }
  refuse_incomplete(database, file);
  database.exec("PRAGMA query_only = ON");
  return database;
}

}  // namespace

SchemaHistory schema_history() {
  // Version 0: stores that were made before the schema had a number.
  static const std::array<Migration, 3> kMigrations{{{0, kSchemaSql}, {1, kSchemaSql}, {2, kSchemaSql}}};
  return {kSchemaVersion, kMigrations, 1};
}

std::optional<std::string> network_file_system(long type) {
  switch (static_cast<unsigned long>(type) & 0xFFFFFFFF) {
    case 0x6969: return "NFS";
    case 0x517B:
    case 0xFF534D42:
    case 0xFE534D42: return "SMB";
    case 0x65735546: return "FUSE";
    case 0x0BD00BD0: return "Lustre";
    case 0x47504653: return "GPFS";
    case 0x00C36400: return "Ceph";
    case 0x19830326: return "BeeGFS";
    case 0x5346414F: return "AFS";
    case 0x7461636F: return "OCFS2";
    case 0x01161970: return "GFS2";
    default: return std::nullopt;
  }
}

SQLite::Database open_database(const fs::path& file, Access access, const SchemaHistory& history) {
  try {
    return access == Access::kWrite ? open_to_write(file, history) : open_to_read(file, history);
  } catch (const SQLite::Exception& error) {
    rethrow_store_error(file, error, nullptr);
  }
}

void rethrow_store_error(const fs::path& file, const SQLite::Exception& error, sqlite3* database) {
  const int system_error = database == nullptr ? 0 : sqlite3_system_errno(database);
  const std::string detail = system_error == 0 ? sqlite3_errstr(error.getExtendedErrorCode()) : std::strerror(system_error);
  const int code = system_error == ENOSPC || system_error == EDQUOT ? SQLITE_FULL : error.getErrorCode() & 0xFF;
  switch (code) {
    case SQLITE_FULL:
      throw input_error("{}: no space left on the disk; what was saved before is kept: free some space and run the same command again", file.string());
    case SQLITE_ERROR:  // its tables are not those that are asked
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw input_error("{}: the store is damaged ({}); restore it from a copy, or save what can be read with `sqlite3 FILE .recover`", file.string(),
                        one_line(error.what(), 300));
    case SQLITE_NOMEM:  // of a damaged row as well, whose length is a lie
    case SQLITE_TOOBIG:
      throw input_error("{}: the store has a value that is too large for the memory ({}): `sqlite3 FILE 'PRAGMA integrity_check'` tells whether it is damaged",
                        file.string(), one_line(error.what(), 300));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw input_error("{}: another process has kept the store locked for {} seconds; try again when it has ended", file.string(), kBusyTimeout.count());
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_IOERR: throw input_error("{}: the store cannot be read or written: {}", file.string(), detail);
    default: throw;
  }
}

}  // namespace winnow
