#include <sqlite3.h>

#include <cmath>
#include <functional>
#include <map>
#include <unordered_map>

#include "harness/core/error.h"
#include "results/store_impl.h"
#include "results/stored_values.h"

namespace winnow {
namespace {

using RowIds = std::unordered_map<std::int64_t, std::int64_t>;  // of a row there → of the same row here

std::int64_t row_here(const RowIds& ids, std::int64_t there, const char* table) {
  const auto found = ids.find(there);
  if (found == ids.end()) throw DamagedValue(fmt::format("a row names row {} of {}, which is not there", there, table));
  return found->second;
}

void bind_value(SQLite::Statement& statement, int index, const SQLite::Column& value) {
  if (value.isInteger()) {
    statement.bind(index, value.getInt64());
  } else if (value.isFloat()) {
    statement.bind(index, value.getDouble());
  } else if (value.isText()) {
    statement.bind(index, value.getString());
  } else if (value.isBlob()) {
    statement.bind(index, value.getBlob(), value.getBytes());
  } else {
    statement.bind(index);  // NULL
  }
}

// Copies rows of one store into another inside the transactions of its caller.
class Joiner {
 public:
  Joiner(SQLite::Database& from, SQLite::Database& into) : from_(from), into_(into) {}

  // Rows of `columns` of a table as they are; those that are here stay.
  void copy(const std::string& table, const std::string& columns, int count) {
    for_each_row("SELECT " + columns + " FROM " + table + " ORDER BY rowid",
                 [&, insert = insertion(table, columns, count, "OR IGNORE ")](SQLite::Statement& row) mutable { insert_row(*insert, row, count, {}); });
  }

  // The same for a table whose rows others name by id: `keys` are the leading columns that tell rows apart.
  RowIds copy_named(const std::string& table, const std::string& columns, int count, const std::vector<std::string>& keys) {
    std::string condition;
    for (const std::string& key : keys) condition += (condition.empty() ? "" : " AND ") + key + " = ?";
    SQLite::Statement find(into_, "SELECT id FROM " + table + " WHERE " + condition);
    const auto insert = insertion(table, columns, count, "OR IGNORE ");
    RowIds ids;
    for_each_row("SELECT " + columns + ", id FROM " + table + " ORDER BY id", [&](SQLite::Statement& row) {
      insert_row(*insert, row, count, {});
      find.reset();
      for (int i = 0; i < static_cast<int>(keys.size()); ++i) bind_value(find, i + 1, row.getColumn(i));
      if (!find.executeStep()) throw DamagedValue("a row of " + table + " lacks what it is known by");
      ids[row.getColumn(count).getInt64()] = find.getColumn(0).getInt64();
    });
    return ids;
  }

  // Rows of a trial: the columns of `mapped` (by index) are ids of rows there.
  void copy_of_trial(const std::string& table, const std::string& columns, int count, std::int64_t trial_id, const std::map<int, const RowIds*>& mapped) {
    const auto insert = insertion(table, columns, count, "");
    SQLite::Statement rows(from_, "SELECT " + columns + " FROM " + table + " WHERE trial_id = ? ORDER BY rowid");
    rows.bind(1, trial_id);
    while (rows.executeStep()) insert_row(*insert, rows, count, mapped);
  }

 private:
  void for_each_row(const std::string& question, const std::function<void(SQLite::Statement&)>& act) {
    SQLite::Statement rows(from_, question);
    while (rows.executeStep()) act(rows);
  }

  std::shared_ptr<SQLite::Statement> insertion(const std::string& table, const std::string& columns, int count, const std::string& conflict) {
    std::string marks = "?";
    for (int i = 1; i < count; ++i) marks += ", ?";
    return std::make_shared<SQLite::Statement>(into_, "INSERT " + conflict + "INTO " + table + "(" + columns + ") VALUES (" + marks + ")");
  }

  static void insert_row(SQLite::Statement& insert, SQLite::Statement& row, int count, const std::map<int, const RowIds*>& mapped) {
    insert.reset();
    for (int i = 0; i < count; ++i) {
      const auto ids = mapped.find(i);
      if (ids == mapped.end() || row.getColumn(i).isNull()) {
        bind_value(insert, i + 1, row.getColumn(i));
      } else {
        insert.bind(i + 1, row_here(*ids->second, row.getColumn(i).getInt64(), "another table"));
      }
    }
    insert.exec();
  }

  SQLite::Database& from_;
  SQLite::Database& into_;
};

// What of a trial is measured anew with every run, and no conflict.
bool is_cost(const std::string& unit) { return unit == "bytes" || unit == "tokens" || unit == "tokens/s" || unit == "seconds"; }

// Sums in f32 follow the packs, which a resume changes.
bool differ(double a, double b) {
  constexpr double kRounding = 1e-5;
  return std::isnan(a) != std::isnan(b) || std::abs(a - b) > kRounding * std::max(std::abs(a), std::abs(b));
}

using Results = std::map<std::string, double>;

Results results_of(SQLite::Database& database, std::int64_t trial_id) {
  SQLite::Statement find(database, "SELECT leaf, name, filter, value, unit FROM metrics WHERE trial_id = ? ORDER BY id DESC");
  find.bind(1, trial_id);
  Results results;
  while (find.executeStep()) {
    if (is_cost(find.getColumn(4).getString())) continue;
    const std::string leaf = find.getColumn(0).getString(), filter = find.getColumn(2).getString();
    results[(leaf.empty() ? "" : leaf + " ") + find.getColumn(1).getString() + (filter == "none" ? "" : "," + filter)] =
        find.getColumn(3).isNull() ? std::nan("") : find.getColumn(3).getDouble();
  }
  return results;
}

// The first result that two trials tell differently; empty where they agree.
std::string first_difference(const Results& there, const Results& here) {
  for (const auto& [name, value] : there) {
    const auto same = here.find(name);
    if (same == here.end()) return fmt::format("{} is {} there and missing here", name, value);
    if (differ(value, same->second)) return fmt::format("{} is {} there and {} here", name, value, same->second);
  }
  for (const auto& [name, value] : here) {
    if (!there.contains(name)) return fmt::format("{} is missing there and {} here", name, value);
  }
  return "";
}

constexpr const char* kTrialColumns =
    "cell_key, status, started_at, finished_at, seconds_json, reason, plan_sha256, load_seconds, plan_seconds, prefill_seconds, decode_seconds, total_seconds, "
    "environment_id, sweep_id";
constexpr int kTrialColumnCount = 14, kEnvironmentColumn = 12, kSweepColumn = 13;

struct TrialThere {
  std::int64_t id;
  bool is_ok;
  std::string key;
};

class TrialJoin {
 public:
  TrialJoin(SQLite::Database& from, SQLite::Database& into, Store::Joined& joined) : from_(from), into_(into), joined_(joined) {}

  void run() {
    const std::vector<TrialThere> trials = new_trials();
    Joiner joiner(from_, into_);
    joiner.copy("cells", "key, model, variant, task, task_label, identity_json", 6);
    const RowIds sweeps = joiner.copy_named("sweeps", "name, sweep_sha256, sweep_json, started_at", 4, {"name", "sweep_sha256"});
    copy_grids(sweeps);
    if (trials.empty()) return;
    joiner.copy("plans", "sha256, plan_json", 2);
    joiner.copy("prompts", "sha256, text, text_bytes", 3);
    const RowIds environments = joiner.copy_named("environment", "sha256, environment_json", 2, {"sha256"});
    const RowIds arguments = joiner.copy_named("arguments", "sha256, arguments_json", 2, {"sha256"});
    const RowIds examples = joiner.copy_named("examples", "task, doc_id, data_sha256, doc_hash, target_hash, doc_json, target, gold", 8,
                                              {"task", "doc_id", "data_sha256", "doc_hash", "target_hash"});
    for (const TrialThere& trial : trials) {
      const std::optional<std::int64_t> before = trial.is_ok ? good_trial_here(trial.key) : std::nullopt;
      const RowIds ids = {{trial.id, insert_trial(trial.id, environments, sweeps)}};
      joiner.copy_of_trial("metrics", "trial_id, name, filter, leaf, parent, value, stderr, unit, higher_is_better, n", 10, trial.id, {{0, &ids}});
      joiner.copy_of_trial("answers",
                           "trial_id, example_id, arguments_id, filter, prompt_sha256, reply, reply_bytes, raw_reply, raw_reply_bytes, log_likelihoods_json, "
                           "greedy_json, values_json",
                           12, trial.id, {{0, &ids}, {1, &examples}, {2, &arguments}});
      if (from_.tableExists("trial_digests")) joiner.copy_of_trial("trial_digests", "trial_id, sha256", 2, trial.id, {{0, &ids}});
      if (before) compare(trial, *before);
      ++joined_.added;
    }
  }

 private:
  // Those that have ended and are not here yet, oldest first. Times to the millisecond and costs to the last bit tell two runs of a cell apart.
  std::vector<TrialThere> new_trials() {
    SQLite::Statement find(from_, "SELECT cell_key, status, started_at, finished_at, seconds_json, id FROM trials ORDER BY id");
    // By bare columns: they take a number of a stranger's for the text that it has become here.
    SQLite::Statement same(into_, "SELECT count(*) FROM trials WHERE cell_key = ? AND status = ? AND started_at = ? AND finished_at IS ? AND seconds_json = ?");
    std::vector<TrialThere> trials;
    while (find.executeStep()) {
      if (find.getColumn(1).getString() == "running") {
        ++joined_.unfinished;
        continue;
      }
      same.reset();
      for (int i = 0; i < 5; ++i) bind_value(same, i + 1, find.getColumn(i));
      same.executeStep();
      if (same.getColumn(0).getInt() > 0)
        ++joined_.already_there;
      else
        trials.push_back({find.getColumn(5).getInt64(), find.getColumn(1).getString() == "ok", find.getColumn(0).getString()});
    }
    return trials;
  }

  std::int64_t insert_trial(std::int64_t id, const RowIds& environments, const RowIds& sweeps) {
    SQLite::Statement row(from_, std::string("SELECT ") + kTrialColumns + " FROM trials WHERE id = ?");
    row.bind(1, id);
    if (!row.executeStep()) throw DamagedValue("a trial has no id");
    SQLite::Statement insert(into_, std::string("INSERT INTO trials(") + kTrialColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (int i = 0; i < kTrialColumnCount; ++i) bind_value(insert, i + 1, row.getColumn(i));
    insert.bind(kEnvironmentColumn + 1, row_here(environments, row.getColumn(kEnvironmentColumn).getInt64(), "environment"));
    if (!row.getColumn(kSweepColumn).isNull()) insert.bind(kSweepColumn + 1, row_here(sweeps, row.getColumn(kSweepColumn).getInt64(), "sweeps"));
    insert.exec();
    return into_.getLastInsertRowid();
  }

  std::optional<std::int64_t> good_trial_here(const std::string& key) {
    SQLite::Statement find(into_, "SELECT max(id) FROM trials WHERE cell_key = ? AND status = 'ok'");
    find.bind(1, key);
    if (!find.executeStep() || find.getColumn(0).isNull()) return std::nullopt;
    return find.getColumn(0).getInt64();
  }

  void compare(const TrialThere& there, std::int64_t here) {
    const std::string difference = first_difference(results_of(from_, there.id), results_of(into_, here));
    if (difference.empty()) return;
    SQLite::Statement cell(into_, "SELECT model, variant, task_label FROM cells WHERE key = ?");
    cell.bind(1, there.key);
    WINNOW_CHECK(cell.executeStep());
    joined_.conflicts.push_back(
        fmt::format("{} · {} · {}: {}", cell.getColumn(0).getString(), cell.getColumn(1).getString(), cell.getColumn(2).getString(), difference));
  }

  // The newest grid of each sweep there, where it is not the newest here already.
  void copy_grids(const RowIds& sweeps) {
    if (!from_.tableExists("grids")) return;
    SQLite::Statement grids(from_,
                            "SELECT id, sweep_id, grid_sha256, frozen_at FROM grids WHERE id IN (SELECT max(grids.id) FROM grids JOIN sweeps ON sweeps.id = "
                            "sweep_id GROUP BY name)");
    while (grids.executeStep()) {
      const std::int64_t sweep_id = row_here(sweeps, grids.getColumn(1).getInt64(), "sweeps");
      SQLite::Statement known(into_, "SELECT count(*) FROM grids WHERE sweep_id = ? AND grid_sha256 = ?");
      known.bind(1, sweep_id);
      bind_value(known, 2, grids.getColumn(2));
      known.executeStep();
      if (known.getColumn(0).getInt() > 0) continue;
      SQLite::Statement insert(into_, "INSERT INTO grids(sweep_id, grid_sha256, frozen_at) VALUES (?, ?, ?)");
      insert.bind(1, sweep_id);
      bind_value(insert, 2, grids.getColumn(2));
      bind_value(insert, 3, grids.getColumn(3));
      insert.exec();
      copy_grid_cells(grids.getColumn(0).getInt64(), into_.getLastInsertRowid());
    }
  }

  void copy_grid_cells(std::int64_t there, std::int64_t here) {
    SQLite::Statement rows(from_, "SELECT position, cell_key FROM grid_cells WHERE grid_id = ? ORDER BY position");
    rows.bind(1, there);
    SQLite::Statement insert(into_, "INSERT INTO grid_cells(grid_id, position, cell_key) VALUES (?, ?, ?)");
    while (rows.executeStep()) {
      insert.reset();
      insert.bind(1, here);
      bind_value(insert, 2, rows.getColumn(0));
      bind_value(insert, 3, rows.getColumn(1));
      insert.exec();
    }
  }

  SQLite::Database& from_;
  SQLite::Database& into_;
  Store::Joined& joined_;
};

}  // namespace

Store::Joined Store::join(Store& other) {
  Joined joined;
  other.impl_->read([&](SQLite::Database& from) {
    impl_->write([&](SQLite::Database& into) {
      try {
        TrialJoin(from, into, joined).run();
      } catch (const SQLite::Exception& error) {  // to be told of the file whose it is
        const int code = sqlite3_errcode(from.getHandle());
        if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE) rethrow_store_error(other.file(), error, from.getHandle());
        if (error.getErrorCode() == SQLITE_CONSTRAINT) throw DamagedValue(fmt::format("a row of it does not belong into a store ({})", error.getErrorStr()));
        throw;
      }
    });
  });
  return joined;
}

}  // namespace winnow
