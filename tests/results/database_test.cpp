#include "results/database.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "results/store.h"
#include "tests/results/sample_trials.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;
using test::make_answer;
using test::make_cell;
using test::read_text;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class DatabaseTest : public testing::Test {
 protected:
  // A finished store with one trial of forty answers.
  void make_store() {
    Store store = Store::open(file_);
    const auto id = store.begin(make_cell("tiny", "dense", "gsm8k"), {}).id;
    std::vector<RecordedAnswer> answers;
    for (int doc = 0; doc < 40; ++doc) answers.push_back(make_answer(doc));
    store.append(id, answers, {});
    store.finish(id, {});
  }
  void execute(const std::string& statements) { SQLite::Database(file_.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec(statements); }
  // The edit in tables whose columns take anything and refer to nothing.
  static std::string loosened(const std::string& edit) {
    std::string statements = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON;";
    for (const char* word : {"STRICT, ", "STRICT", " NOT NULL", " TEXT", " REAL", " BLOB", " doc_id INTEGER"}) {
      statements += fmt::format("UPDATE sqlite_master SET sql = replace(sql, '{}', '{}') WHERE type = 'table';", word,
                                word == std::string(" doc_id INTEGER") ? " doc_id" : "");
    }
    return statements + "PRAGMA writable_schema = RESET;" + edit;
  }
  int version() { return SQLite::Database(file_.string()).execAndGet("PRAGMA user_version").getInt(); }

  // Refused for reading and writing alike, with the same sentence and the file as it was.
  void expect_refused(const testing::Matcher<std::string>& sentence) {
    const std::string before = read_text(file_);
    EXPECT_ERROR_THAT(Store::open(file_), kInput, AllOf(StartsWith(file_.string()), sentence));
    EXPECT_ERROR_THAT(Store::open_read_only(file_), kInput, AllOf(StartsWith(file_.string()), sentence));
    EXPECT_EQ(read_text(file_), before);
  }
  // What `act` throws in a process of its own: with another user's rights or limits.
  std::string in_child(const std::function<void()>& act) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      std::string text = "(nothing)";
      try {
        act();
      } catch (const std::exception& error) {
        text = error.what();
      }
      if (::write(ends[1], text.data(), text.size()) < 0) ::_exit(1);
      ::_exit(0);
    }
    ::close(ends[1]);
    std::string text(4096, '\0');
    const ssize_t count = ::read(ends[0], text.data(), text.size());
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }

  test::TemporaryFolder folder_;
  fs::path file_ = folder_ / "store.sqlite";
};

TEST_F(DatabaseTest, AStoreIsSafeByItsPragmas) {
  SQLite::Database database = open_database(file_, Access::kWrite);
  EXPECT_EQ(database.execAndGet("PRAGMA journal_mode").getString(), "wal");
  EXPECT_EQ(database.execAndGet("PRAGMA synchronous").getInt(), 2);
  EXPECT_EQ(database.execAndGet("PRAGMA foreign_keys").getInt(), 1);
  EXPECT_EQ(static_cast<std::uint32_t>(database.execAndGet("PRAGMA application_id").getInt()), kApplicationId);
  EXPECT_EQ(database.execAndGet("PRAGMA user_version").getInt(), kSchemaVersion);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'")
                .getInt(),
            0);
}

TEST_F(DatabaseTest, EveryColumnIsDescribed) {
  SQLite::Database database = open_database(file_, Access::kWrite);
  SQLite::Statement undescribed(database,
                                "SELECT objects.name || '.' || columns.name FROM sqlite_master AS objects, pragma_table_info(objects.name) AS columns "
                                "WHERE objects.type = 'table' AND objects.name <> 'metadata' AND columns.name <> 'id' AND NOT EXISTS "
                                "(SELECT 1 FROM metadata WHERE table_name = objects.name AND column_name = columns.name)");
  while (undescribed.executeStep()) ADD_FAILURE() << undescribed.getColumn(0).getString();
  SQLite::Statement stray(database,
                          "SELECT table_name || '.' || column_name FROM metadata WHERE column_name <> '' AND NOT EXISTS "
                          "(SELECT 1 FROM pragma_table_info(table_name) WHERE name = column_name)");
  while (stray.executeStep()) ADD_FAILURE() << stray.getColumn(0).getString();
}

TEST_F(DatabaseTest, ANewerSchemaIsRefused) {
  make_store();
  execute("PRAGMA user_version = 7");
  expect_refused(HasSubstr("its schema has version 7, this Winnow knows versions up to 3"));
}

TEST_F(DatabaseTest, OtherFilesAreRefused) {
  folder_.write("store.sqlite", "models:\n  - name: tiny\n");
  expect_refused(HasSubstr("not a Winnow store: the file does not begin as an SQLite database does"));
  folder_.write("store.sqlite", std::string(5000, '\x93'));
  expect_refused(HasSubstr("not a Winnow store"));
  folder_.write("store.sqlite", "SQLite format 3");
  expect_refused(HasSubstr("not a Winnow store"));
  fs::remove(file_);
  execute("CREATE TABLE recipes(name)");
  expect_refused(HasSubstr("not a Winnow store (application id 0x0, expected 0x574e4e57)"));
}

// Read as UTF-8, such texts would be read from memory that SQLite has freed.
TEST_F(DatabaseTest, TextsInAnotherEncodingAreRefused) {
  make_store();
  std::string schema = fmt::format("PRAGMA encoding = 'UTF-16le'; PRAGMA application_id = {}; PRAGMA user_version = {};", kApplicationId, kSchemaVersion);
  {
    SQLite::Database store(file_.string());
    SQLite::Statement made(store, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid");
    while (made.executeStep()) schema += made.getColumn(0).getString() + ";";
  }
  fs::remove(file_);
  execute(schema);
  expect_refused(HasSubstr("its texts are stored as UTF-16le, expected UTF-8"));
}

TEST_F(DatabaseTest, ValuesTooLargeForTheMemoryEndInOneSentence) {
  for (const int code : {SQLITE_NOMEM, SQLITE_TOOBIG}) {
    EXPECT_ERROR_THAT(rethrow_store_error(file_, SQLite::Exception("as SQLite says", code), nullptr), kInput,
                      AllOf(StartsWith(file_.string()), HasSubstr("too large for the memory (as SQLite says)")));
  }
}

TEST_F(DatabaseTest, FoldersAndFifosAreRefused) {
  fs::create_directory(file_);
  EXPECT_ERROR_HAS(Store::open(file_), kInput, "a store must be a regular file");
  fs::remove(file_);
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  EXPECT_ERROR_HAS(Store::open_read_only(file_), kInput, "a store must be a regular file");
}

TEST_F(DatabaseTest, AMissingOrEmptyStoreCannotBeRead) {
  EXPECT_ERROR_HAS(Store::open_read_only(file_), kInput, "there is no such store");
  folder_.write("store.sqlite", "");
  EXPECT_ERROR_HAS(Store::open_read_only(file_), kInput, "is empty");
  EXPECT_EQ(fs::file_size(file_), 0u);
  EXPECT_ERROR_HAS(Store::open(folder_ / "nowhere/store.sqlite"), kInput, "there is no folder");
}

TEST_F(DatabaseTest, ACutOffStoreIsRefused) {
  make_store();
  const auto size = fs::file_size(file_);
  fs::resize_file(file_, size - 5000);
  expect_refused(HasSubstr(fmt::format("it ends 5000 bytes early ({} of {})", size - 5000, size)));
}

TEST_F(DatabaseTest, DamagedPagesEndInOneSentence) {
  make_store();
  const std::string whole = read_text(file_);
  int noticed = 0;
  for (std::size_t page = 1; page < whole.size() / 4096; ++page) {
    std::string damaged = whole;
    damaged.replace(page * 4096, 4096, 4096, '\0');
    folder_.write("store.sqlite", damaged);
    try {
      Store store = Store::open_read_only(file_);
      for (const Trial& trial : store.latest()) store.for_each_answer(trial.id, [](const RecordedAnswer&) {});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      EXPECT_THAT(error.what(), HasSubstr("the store is damaged"));
      ++noticed;
    }
  }
  EXPECT_GT(noticed, 3);
}

// SQLite takes over what a log beside a file says without asking whose log it is.
TEST_F(DatabaseTest, ALogOfAnotherStoreIsDamageOrThatStore) {
  const std::string log = folder_ / "other.sqlite-wal", copy = folder_ / "copy";
  {
    Store other = Store::open(folder_ / "other.sqlite");
    const auto id = other.begin(make_cell("tiny", "random-6", "gsm8k"), {}).id;
    for (int doc = 0; doc < 40; ++doc) other.append(id, std::vector{make_answer(doc)}, {});
    fs::copy(log, copy);
  }
  make_store();
  fs::copy(copy, file_.string() + "-wal");
  try {
    Store store = Store::open_read_only(file_);
    for (const Trial& trial : store.latest()) {
      EXPECT_EQ(trial.cell.variant, "random-6");
      store.for_each_answer(trial.id, [](const RecordedAnswer&) {});
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.what(), HasSubstr("the store is damaged"));
  }
}

TEST_F(DatabaseTest, AStoreWithoutOneOfItsTablesIsRefused) {
  make_store();
  execute("PRAGMA foreign_keys = OFF; DROP VIEW graded; DROP TABLE answers");
  expect_refused(HasSubstr("it has no table 'answers'"));
}

TEST_F(DatabaseTest, AStoreWithoutOneOfItsColumnsIsRefused) {
  make_store();
  execute("DROP VIEW graded; ALTER TABLE answers DROP COLUMN greedy_json");
  expect_refused(HasSubstr("its table 'answers' has no column 'greedy_json'"));
}

// Values that a stranger's tables can hold and ours cannot.
TEST_F(DatabaseTest, ValuesThatAreNoneOfOursEndInOneSentence) {
  make_store();
  const std::string good = read_text(file_);
  const std::pair<const char*, const char*> edits[] = {
      {"UPDATE cells SET identity_json = '{'", "the store is damaged: cells.identity_json:1:2: "},
      {"UPDATE environment SET environment_json = x'ff'", "the store is damaged: environment.environment_json"},
      {"UPDATE trials SET seconds_json = ''", "the store is damaged: a JSON column"},
      {"UPDATE answers SET greedy_json = '[1, \"x\"]'", "the store is damaged: a JSON column holds [1, \"x\"], expected a list of true and false"},
      {"UPDATE arguments SET arguments_json = '{\"a\": 1}'", "expected a list of strings"},
      {"UPDATE arguments SET arguments_json = '[[1, 2, 3]]'", "expected a list of pairs of strings"},
      {"DELETE FROM prompts", "an answer names a prompt or arguments that are not there"},
      {"DELETE FROM arguments", "an answer names a prompt or arguments that are not there"},
  };
  for (const auto& [edit, sentence] : edits) {
    folder_.write("store.sqlite", good);
    execute(loosened(edit));
    Store store = Store::open_read_only(file_);
    const auto read = [&] {
      for (const Trial& trial : store.latest()) store.for_each_answer(trial.id, [](const RecordedAnswer&) {});
    };
    EXPECT_ERROR_THAT(read(), kInput, AllOf(StartsWith(file_.string() + ": the store is damaged: "), HasSubstr(sentence))) << edit;
  }
}

TEST_F(DatabaseTest, RowsThatHangInTheAirAreNotJoined) {
  make_store();
  const std::string good = read_text(file_);
  const std::pair<const char*, const char*> edits[] = {
      {"UPDATE trials SET environment_id = 99", "a row names row 99 of environment, which is not there"},
      {"UPDATE trials SET sweep_id = 98", "a row names row 98 of sweeps, which is not there"},
      {"DELETE FROM examples", "which is not there"},
      {"UPDATE environment SET sha256 = NULL", "a row of environment lacks what it is known by"},
      {"UPDATE answers SET filter = NULL", "a row of it does not belong into a store"},
      {"UPDATE trials SET status = 'unheard of'", "a row of it does not belong into a store"},
      {"UPDATE examples SET doc_id = 'three'", "a row of it does not belong into a store"},
  };
  for (const auto& [edit, sentence] : edits) {
    folder_.write("store.sqlite", good);
    execute(loosened(edit));
    Store store = Store::open_read_only(file_);
    Store into = Store::open(folder_ / "into.sqlite");
    EXPECT_ERROR_THAT(into.join(store), kInput, AllOf(StartsWith(file_.string() + ": the store is damaged: "), HasSubstr(sentence))) << edit;
    EXPECT_EQ(into.latest().size(), 0u);
  }
}

TEST_F(DatabaseTest, ANumberWhereATextBelongsIsJoinedOnce) {
  make_store();
  execute(loosened("UPDATE trials SET finished_at = 5, started_at = 1e9, seconds_json = 7"));
  Store store = Store::open_read_only(file_), into = Store::open(folder_ / "into.sqlite");
  EXPECT_GT(into.join(store).added, 0u);
  EXPECT_EQ(into.join(store).added, 0u);
}

TEST_F(DatabaseTest, AnOlderStoreIsBroughtUpToDateAndACopyKept) {
  make_store();
  execute("PRAGMA user_version = 0; CREATE TABLE old_answers(x); INSERT INTO old_answers VALUES (7)");
  const std::string old_rows = "SELECT count(*) FROM answers";
  const std::array<Migration, 2> migrations{{{0, "CREATE TABLE middle(x); INSERT INTO middle SELECT x + 1 FROM old_answers; DROP TABLE old_answers"},
                                             {1, "CREATE TABLE newest(x); INSERT INTO newest SELECT x + 1 FROM middle"}}};
  EXPECT_ERROR_HAS(open_database(file_, Access::kRead), kInput, "its schema has version 0, this Winnow reads version 3; `winnow run`");
  SQLite::Database database = open_database(file_, Access::kWrite, {2, migrations});
  EXPECT_EQ(database.execAndGet("PRAGMA user_version").getInt(), 2);
  EXPECT_EQ(database.execAndGet("SELECT x FROM newest").getInt(), 9);
  EXPECT_EQ(database.execAndGet(old_rows).getInt(), 80);
  SQLite::Database backup(file_.string() + ".version-0.bak");
  EXPECT_EQ(backup.execAndGet("PRAGMA user_version").getInt(), 0);
  EXPECT_EQ(backup.execAndGet("SELECT x FROM old_answers").getInt(), 7);
  EXPECT_EQ(backup.execAndGet(old_rows).getInt(), 80);
}

TEST_F(DatabaseTest, AMigrationThatFailsChangesNothing) {
  make_store();
  execute("PRAGMA user_version = 0");
  const std::array<Migration, 1> broken{{{0, "CREATE TABLE half(x); INSERT INTO nowhere VALUES (1)"}}};
  EXPECT_ANY_THROW(open_database(file_, Access::kWrite, {1, broken}));
  EXPECT_EQ(version(), 0);
  EXPECT_EQ(SQLite::Database(file_.string()).execAndGet("SELECT count(*) FROM sqlite_master WHERE name = 'half'").getInt(), 0);
  EXPECT_ERROR_HAS(open_database(file_, Access::kWrite, {1, {}}), kInput, "older than any that this Winnow can bring up to version 1");
}

TEST_F(DatabaseTest, AnUnnumberedStoreIsBroughtUpToDate) {
  make_store();
  execute("PRAGMA user_version = 0; DROP VIEW leaderboard");
  EXPECT_EQ(Store::open(file_).latest().size(), 1u);
  EXPECT_EQ(version(), kSchemaVersion);
  EXPECT_EQ(SQLite::Database(file_.string()).execAndGet("SELECT count(*) FROM leaderboard").getInt(), 0);
}

TEST_F(DatabaseTest, AStoreWithoutGridsCanBeReadAndGetsThemWhenItIsWritten) {
  make_store();
  execute("PRAGMA user_version = 1; DROP TABLE grid_cells; DROP TABLE grids");
  EXPECT_EQ(Store::open_read_only(file_).latest().size(), 1u);
  EXPECT_EQ(Store::open_read_only(file_).frozen_cells("first-look").size(), 0u);
  EXPECT_EQ(version(), 1);
  const std::vector<Cell> cells = {make_cell("tiny", "dense", "gsm8k")};
  Store::open(file_).start_sweep("first-look", "{}", cells);
  EXPECT_EQ(version(), kSchemaVersion);
  EXPECT_EQ(Store::open_read_only(file_).frozen_cells("first-look").size(), 1u);
  EXPECT_TRUE(fs::exists(file_.string() + ".version-1.bak"));
}

TEST_F(DatabaseTest, AMigrationKilledAtAnyMomentLeavesOldOrNew) {
  make_store();
  std::string inserts = "CREATE TABLE filled(x);";
  for (int i = 0; i < 2000; ++i) inserts += "INSERT INTO filled VALUES (" + std::to_string(i) + ");";
  const std::array<Migration, 1> slow{{{0, inserts}}};
  execute("PRAGMA user_version = 0");
  const std::string old = read_text(file_);
  int old_seen = 0, new_seen = 0;
  for (int kill = 0; kill < 20; ++kill) {
    for (const char* suffix : {"-wal", "-shm", "-journal"}) fs::remove(file_.string() + suffix);
    folder_.write("store.sqlite", old);
    const pid_t child = ::fork();
    if (child == 0) {
      open_database(file_, Access::kWrite, {1, slow});
      ::_exit(0);
    }
    ::usleep(static_cast<useconds_t>(kill * 1000));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    SQLite::Database database(file_.string(), SQLite::OPEN_READWRITE);
    const bool is_new = database.execAndGet("PRAGMA user_version").getInt() == 1;
    EXPECT_EQ(database.execAndGet("SELECT count(*) FROM sqlite_master WHERE name = 'filled'").getInt(), is_new ? 1 : 0);
    EXPECT_EQ(database.execAndGet("SELECT count(*) FROM answers").getInt(), 80);
    EXPECT_TRUE(!is_new || database.execAndGet("SELECT count(*) FROM filled").getInt() == 2000);
    ++(is_new ? new_seen : old_seen);
  }
  EXPECT_GT(old_seen, 0);
}

TEST_F(DatabaseTest, AReadOnlyFileInAReadOnlyFolderCanBeRead) {
  make_store();
  fs::permissions(file_, fs::perms{0444});
  fs::permissions(folder_.path(), fs::perms{0555});
  const std::string before = read_text(file_);
  const auto read = [&] {
    if (::setuid(65534) != 0 && ::geteuid() == 0) throw std::runtime_error("cannot become another user");
    Store store = Store::open_read_only(file_);
    int answers = 0;
    store.for_each_answer(store.latest().at(0).id, [&](const RecordedAnswer&) { ++answers; });
    throw std::runtime_error(std::to_string(answers));
  };
  EXPECT_EQ(in_child(read), "80");
  const auto write = [&] {
    if (::setuid(65534) == 0 || ::geteuid() != 0) Store::open(file_);
  };
  EXPECT_THAT(in_child(write), HasSubstr("the store cannot be written: folder " + folder_.path().string() + ": Permission denied"));
  fs::permissions(folder_.path(), fs::perms{0755});
  EXPECT_EQ(read_text(file_), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(DatabaseTest, ReadingLeavesNoFileBehindAndTheStoreAsItWas) {
  make_store();
  const std::string before = read_text(file_);
  EXPECT_EQ(Store::open_read_only(file_).latest().size(), 1u);
  EXPECT_EQ(read_text(file_), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(DatabaseTest, AReaderSeesWhatARunningSweepHasSaved) {
  Store writer = Store::open(file_);
  const auto id = writer.begin(make_cell("tiny", "dense", "gsm8k"), {}).id;
  writer.append(id, std::vector{make_answer(1)}, {});
  EXPECT_EQ(Store::open_read_only(file_).answers(id).size(), 2u);
  writer.append(id, std::vector{make_answer(2)}, {});
  EXPECT_EQ(Store::open_read_only(file_).answers(id).size(), 4u);
}

TEST_F(DatabaseTest, AFullDiskIsSaidAndCostsNothingSaved) {
  const fs::path disk = folder_ / "disk";
  fs::create_directory(disk);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "cannot mount a small file system here";
  file_ = disk / "store.sqlite";
  std::size_t saved = 0;
  {
    Store store = Store::open(file_);
    const Cell cell = make_cell("tiny", "dense", "gsm8k");
    const auto id = store.begin(cell, {}).id;
    std::string sentence;
    for (int doc = 0; doc < 1000 && sentence.empty(); ++doc) {
      RecordedAnswer answer = make_answer(doc);
      answer.raw_reply = std::string(20000, 'x');
      sentence = test::error_text(ErrorKind::kInput, [&] { store.append(id, std::vector{answer}, {}); });
      if (sentence.find("no space left") == std::string::npos) sentence.clear(), ++saved;
    }
    EXPECT_THAT(sentence, HasSubstr("store.sqlite: no space left on the disk"));
    EXPECT_EQ(store.answers(id).size(), 2 * saved);
  }
  EXPECT_GT(saved, 5u);
  ASSERT_EQ(::mount("none", disk.c_str(), "tmpfs", MS_REMOUNT, "size=8m"), 0);
  {
    Store store = Store::open(file_);
    const auto trial = store.begin(make_cell("tiny", "dense", "gsm8k"), {});
    EXPECT_EQ(trial.answered.size(), saved);
    store.append(trial.id, std::vector{make_answer(5000)}, {});
    store.finish(trial.id, {});
  }
  EXPECT_EQ(SQLite::Database(file_.string()).execAndGet("PRAGMA integrity_check").getString(), "ok");
  ::umount(disk.c_str());
}

TEST(NetworkFileSystem, IsKnownByItsType) {
  EXPECT_EQ(network_file_system(0x6969), "NFS");
  EXPECT_EQ(network_file_system(static_cast<int>(0xFF534D42)), "SMB");
  EXPECT_EQ(network_file_system(0x65735546), "FUSE");
  EXPECT_EQ(network_file_system(0x0BD00BD0), "Lustre");
  EXPECT_EQ(network_file_system(0x47504653), "GPFS");
  EXPECT_EQ(network_file_system(0xEF53), std::nullopt);      // ext4
  EXPECT_EQ(network_file_system(0x01021994), std::nullopt);  // tmpfs
}

}  // namespace
}  // namespace winnow
