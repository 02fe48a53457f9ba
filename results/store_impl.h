#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "harness/core/json.h"
#include "results/answer_writer.h"
#include "results/claims.h"
#include "results/database.h"
#include "results/outcome_reader.h"
#include "results/store.h"
#include "results/stored_values.h"

namespace winnow {

// Whether a transaction is on the disk when it returns. kSoon: with the next kNow at the latest; only a power cut could lose it, never a kill.
enum class Durability { kNow, kSoon };

std::vector<ScoredAnswer> scored_answers(SQLite::Database& database, std::int64_t trial_id);  // as Store::answers
std::vector<Metric> read_metrics(SQLite::Database& database, std::int64_t trial_id);          // in the order they were told

enum class Claimed { kNothing, kOurs, kElsewhere };  // kNothing: the cell is finished

struct Store::Impl {
  Impl(const std::filesystem::path& path, Access access) : file(path), database(open_database(path, access)) {}

  // One transaction around `act`; it waits for other writers before it reads, so that what it reads cannot change under it.
  template <class Act>
  void write(Act&& act, Durability durability = Durability::kNow) {
    try {
      database.exec(durability == Durability::kNow ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
      SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
      act(database);
      transaction.commit();
      if (durability == Durability::kNow) durable_at = std::chrono::steady_clock::now();
    } catch (const SQLite::Exception& error) {
      rethrow_store_error(file, error, database.getHandle());
    }
  }

  // What follows a wait for the disk within a second does not wait again.
  Durability durability_of_answers() const {
    return std::chrono::steady_clock::now() - durable_at < std::chrono::seconds(1) ? Durability::kSoon : Durability::kNow;
  }

  // `act` sees one state of the store throughout.
  template <class Act>
  auto read(Act&& act) {
    try {
      SQLite::Transaction transaction(database);
      return act(database);
    } catch (const DamagedValue& fault) {
      throw input_error("{}: the store is damaged: {}; restore it from a copy", file.string(), fault.what());
    } catch (const SQLite::Exception& error) {
      rethrow_store_error(file, error, database.getHandle());
    }
  }

  Claimed try_begin(const Cell& cell, const Json& environment, OpenTrial& trial);

  std::filesystem::path file;
  SQLite::Database database;
  std::optional<OutcomeReader> outcome_reader;  // once outcomes were asked for
  std::optional<Claims> claims;                 // from here: when open to write
  std::optional<AnswerWriter> writer;
  std::set<std::int64_t> open_trials;
  std::optional<std::int64_t> sweep_id;
  std::optional<std::pair<Json, std::int64_t>> last_environment;  // and its id: the cells of a run share it
  std::chrono::steady_clock::time_point durable_at;
  // Left of the time to wait for locks: the kernel may drop those of a process that was killed a moment after its end.
  std::chrono::milliseconds patience{500};
};

}  // namespace winnow
