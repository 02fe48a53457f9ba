#pragma once
#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <string>

namespace winnow {

// SHA-256 over all that a trial tells: its cell's key, status, times and reason, its metrics, and its answers in the order of documents with the digests of
// what they stand on. No row numbers take part, so that a joined trial keeps its digest.
std::string trial_sha256(SQLite::Database& database, std::int64_t trial_id);

// Notes it, in the transaction that ends or changes the trial.
void save_trial_sha256(SQLite::Database& database, std::int64_t trial_id);

}  // namespace winnow
