#include "results/trial_digest.h"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "harness/core/digest.h"

namespace winnow {
namespace {

constexpr const char* kQuestions[] = {
    "SELECT cell_key, status, reason, started_at, finished_at, seconds_json, plan_sha256, environment.sha256 FROM trials "
    "JOIN environment ON environment.id = environment_id WHERE trials.id = ?",
    "SELECT name, filter, leaf, parent, value, stderr, unit, higher_is_better, n FROM metrics WHERE trial_id = ? ORDER BY leaf, name, filter",
    "SELECT task, doc_id, data_sha256, doc_hash, target_hash, gold, filter, prompt_sha256, arguments.sha256, reply, reply_bytes, raw_reply, raw_reply_bytes, "
    "log_likelihoods_json, greedy_json, values_json FROM answers JOIN examples ON examples.id = example_id JOIN arguments ON arguments.id = arguments_id "
    "WHERE trial_id = ? ORDER BY task, doc_id, data_sha256, doc_hash, target_hash, filter"};

// Each value with its type and length, so that no two rows read alike.
void add(Sha256& digest, const SQLite::Column& value) {
  const char type = value.isNull() ? 'n' : value.isFloat() ? 'r' : value.isInteger() ? 'i' : value.isText() ? 't' : 'b';
  const std::string text = type == 'r' ? fmt::format("{:a}", value.getDouble()) : value.getString();
  digest.update(fmt::format("{}{}:", type, text.size()) + text);
}

}  // namespace

std::string trial_sha256(SQLite::Database& database, std::int64_t trial_id) {
  Sha256 digest;
  for (const char* question : kQuestions) {
    SQLite::Statement rows(database, question);
    rows.bind(1, trial_id);
    while (rows.executeStep()) {
      for (int i = 0; i < rows.getColumnCount(); ++i) add(digest, rows.getColumn(i));
      digest.update("\n");
    }
  }
  return digest.hex();
}

void save_trial_sha256(SQLite::Database& database, std::int64_t trial_id) {
  SQLite::Statement insert(database, "INSERT INTO trial_digests(trial_id, sha256) VALUES (?, ?) ON CONFLICT(trial_id) DO UPDATE SET sha256 = excluded.sha256");
  insert.bind(1, trial_id);
  insert.bind(2, trial_sha256(database, trial_id));
  insert.exec();
}

}  // namespace winnow
