// A store that a stranger sent: it is read and joined into another, or refused. The bytes are edits of a good store whose tables take any value, since
// mutations of the file itself hardly ever get past SQLite: values of rows, rows less, and bytes of the file.
#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <cstdint>

#include "harness/core/files.h"
#include "results/store.h"
#include "tests/fuzz/fuzz.h"
#include "tests/results/sample_trials.h"

namespace winnow {
namespace {

struct Table {
  std::string name;
  std::vector<std::string> columns;
};

struct Template {
  std::string bytes;
  std::vector<Table> tables;
};

RecordedAnswer answer_with_contexts() {
  RecordedAnswer answer = test::make_choice_answer(2, "winogrande");
  answer.contexts = {"one", "two", "three", "four"};
  return answer;
}

void fill(Store& store) {
  const std::vector<Cell> cells = {test::make_cell("tiny", "dense", "gsm8k"), test::make_cell("tiny", "random-6", "mmlu")};
  store.start_sweep("sweep", "{}", cells);
  for (const Cell& cell : cells) {
    const std::int64_t id = store.begin(cell, {{"commit", "abc"}}).id;
    store.record_plan(id, R"({"steps": []})");
    store.append(id, std::vector<RecordedAnswer>{test::make_answer(0), test::make_choice_answer(1, "mmlu_anatomy"), answer_with_contexts()}, {{"load", 1.5}});
    TrialEnd end;
    end.metrics = {{.name = "acc", .value = 0.5, .standard_error = 0.1, .unit = "share", .count = 2}, {.name = "peak_bytes", .value = 1e9, .unit = "bytes"}};
    store.finish(id, end);
  }
}

// Takes the types and conditions off the tables, as a stranger can, and makes the file small.
void loosen(SQLite::Database& database) {
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  database.exec("PRAGMA journal_mode = DELETE; PRAGMA writable_schema = ON");
  database.exec("DELETE FROM metadata");
  for (const char* word : {"STRICT, ", "STRICT", " NOT NULL", " TEXT", " REAL", " BLOB", " CHECK(status IN ('running', 'ok', 'failed', 'skipped'))",
                           " CHECK(higher_is_better IN (0, 1))"}) {
    SQLite::Statement(database, fmt::format("UPDATE sqlite_master SET sql = replace(sql, '{}', '') WHERE type = 'table'",
                                            [&] {
                                              std::string doubled;
                                              for (const char* c = word; *c != '\0'; ++c) doubled.append(*c == '\'' ? 2 : 1, *c);
                                              return doubled;
                                            }()))
        .exec();
  }
  database.exec("PRAGMA writable_schema = RESET; PRAGMA page_size = 1024; VACUUM");
}

Template make_template() {
  const std::filesystem::path file = scratch_folder() / "template.sqlite";
  {
    Store store = Store::open(file);
    fill(store);
  }
  Template made;
  {
    SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
    loosen(database);
    for (const char* name : {"sweeps", "cells", "environment", "plans", "trials", "metrics", "examples", "prompts", "arguments", "answers", "grids"}) {
      made.tables.push_back({name, {}});
      SQLite::Statement columns(database, fmt::format("PRAGMA table_info({})", name));
      while (columns.executeStep()) made.tables.back().columns.push_back(columns.getColumn(1).getString());
    }
  }
  made.bytes = read_file(file);
  return made;
}

void bind_value(SQLite::Statement& statement, ByteFeed& feed) {
  const auto kind = feed.number<std::uint8_t>();
  if (kind < 16) {
    statement.bind(1);  // NULL
  } else if (kind < 48) {
    statement.bind(1, feed.number<std::int64_t>());
  } else if (kind < 80) {
    statement.bind(1, static_cast<std::int64_t>(feed.number<std::int8_t>()));
  } else if (kind < 112) {
    statement.bind(1, feed.number<double>());
  } else {
    const std::string text(feed.text(feed.number<std::uint8_t>()));
    if (kind < 240)
      statement.bind(1, text);
    else
      statement.bind(1, text.data(), static_cast<int>(text.size()));
  }
}

void edit_row(SQLite::Database& database, const Template& made, ByteFeed& feed) {
  const Table& table = made.tables.at(feed.number<std::uint8_t>() % made.tables.size());
  const std::string& column = table.columns.at(feed.number<std::uint8_t>() % table.columns.size());
  const auto choice = feed.number<std::uint8_t>();
  const int row = choice % 8 + 1;
  if (choice >= 240) {
    database.exec(fmt::format("DELETE FROM {} WHERE rowid = {}", table.name, row));
    return;
  }
  SQLite::Statement update(database, fmt::format("UPDATE {} SET {} = ? WHERE rowid = {}", table.name, column, row));
  bind_value(update, feed);
  update.exec();
}

// Edits of rows, each begun by an even byte; from the first odd one on: bytes put over those of the file.
void edit(const std::filesystem::path& file, const Template& made, ByteFeed feed) {
  write_scratch(file, made.bytes);
  bool puts_bytes = false;
  {
    SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
    database.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
    while (!feed.empty() && !puts_bytes) {
      puts_bytes = feed.number<std::uint8_t>() % 2 == 1;
      if (puts_bytes) break;
      try {
        edit_row(database, made, feed);
      } catch (const SQLite::Exception&) {  // a key that is there already, a number where only an id may stand
      }
    }
  }
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  while (!feed.empty()) {
    const std::size_t at = feed.number<std::uint32_t>() % made.bytes.size();
    const std::string_view text = feed.text(feed.number<std::uint8_t>());
    bytes.seekp(static_cast<std::streamoff>(at)).write(text.data(), static_cast<std::streamsize>(text.size()));
  }
}

void read(Store& store) {
  for (const Trial& trial : store.latest()) {
    store.for_each_answer(trial.id, [](const RecordedAnswer& answer) { WINNOW_CHECK(answer.answers.size() == 1); });
    store.outcomes(trial.id, "none");
    store.answers(trial.id);
    for (const std::string& leaf : store.leaves()) store.item(trial.id, leaf, 0);
  }
  store.documents("");
  store.finished_keys();
  store.failed_keys();
  for (const Cell& cell : store.frozen_cells("sweep")) store.answers_of_cell(cell.key);
  store.verify([](const std::string&, const Json&, std::vector<ScoredAnswer>) { return std::vector<Metric>{{.name = "acc", .value = 0.5}}; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const Template made = make_template();
  static const std::string empty = [] {
    const std::filesystem::path file = scratch_folder() / "empty.sqlite";
    { Store::open(file); }
    return read_file(file);
  }();
  const std::filesystem::path file = scratch_folder() / "foreign.sqlite", joined = scratch_folder() / "joined.sqlite";
  edit(file, made, ByteFeed(bytes, size));
  write_scratch(joined, empty);
  take_or_refuse([&] {
    Store store = Store::open_read_only(file);
    take_or_refuse([&] { read(store); });
    Store into = Store::open(joined);
    into.join(store);
    WINNOW_CHECK(into.join(store).added == 0);
    read(into);
  });
  for (const char* suffix : {"", "-wal", "-shm", "-journal", "-lock"}) {
    for (const std::filesystem::path& made_file : {file, joined}) std::filesystem::remove(made_file.string() + suffix);
  }
  return 0;
}

}  // namespace winnow
