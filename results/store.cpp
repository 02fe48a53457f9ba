#include "results/store.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <optional>
#include <thread>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "harness/core/json.h"
#include "results/answer_writer.h"
#include "results/claims.h"
#include "results/database.h"
#include "results/store_impl.h"
#include "results/stored_values.h"
#include "results/trial_digest.h"

namespace winnow {
namespace {

using SQLite::TransactionBehavior;

std::string utc_now() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto milliseconds = now.time_since_epoch().count();
  const std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                     parts.tm_sec, milliseconds % 1000);
}

void save_cell(SQLite::Database& database, const Cell& cell) {
  SQLite::Statement insert(database,
                           "INSERT INTO cells(key, model, variant, task, task_label, identity_json) VALUES (?, ?, ?, ?, ?, ?) "
                           "ON CONFLICT(key) DO UPDATE SET model = excluded.model, variant = excluded.variant, task_label = excluded.task_label");
  insert.bind(1, cell.key);
  insert.bind(2, readable_text(cell.model));
  insert.bind(3, readable_text(cell.variant));
  insert.bind(4, readable_text(cell.task));
  insert.bind(5, readable_text(cell.task_label));
  insert.bind(6, canonical_json(cell.identity));
  insert.exec();
}

// The id of the row whose sha256 is the text's, made where there is none.
std::int64_t save_environment(SQLite::Database& database, const Json& environment) {
  const std::string text = canonical_json(environment);
  const std::string digest = sha256_hex(text);
  SQLite::Statement insert(database, "INSERT INTO environment(sha256, environment_json) VALUES (?, ?) ON CONFLICT(sha256) DO NOTHING");
  insert.bind(1, digest);
  insert.bind(2, text);
  insert.exec();
  SQLite::Statement find(database, "SELECT id FROM environment WHERE sha256 = ?");
  find.bind(1, digest);
  find.executeStep();
  return find.getColumn(0).getInt64();
}

struct EarlierTrial {
  std::int64_t id;
  std::string seconds_json;
};

std::optional<EarlierTrial> find_trial(SQLite::Database& database, const std::string& key, const char* condition) {
  SQLite::Statement find(database, std::string("SELECT id, seconds_json FROM trials WHERE cell_key = ? AND ") + condition + " ORDER BY id DESC LIMIT 1");
  find.bind(1, key);
  if (!find.executeStep()) return std::nullopt;
  return EarlierTrial{find.getColumn(0).getInt64(), find.getColumn(1).getString()};
}

std::int64_t insert_trial(SQLite::Database& database, const std::string& key, std::int64_t environment_id) {
  SQLite::Statement insert(database, "INSERT INTO trials(cell_key, environment_id, status, started_at) VALUES (?, ?, 'running', ?)");
  insert.bind(1, key);
  insert.bind(2, environment_id);
  insert.bind(3, utc_now());
  insert.exec();
  return database.getLastInsertRowid();
}

void tie_trial(SQLite::Database& database, std::int64_t trial_id, std::int64_t environment_id, std::optional<std::int64_t> sweep_id) {
  SQLite::Statement tie(database, "UPDATE trials SET environment_id = ?, sweep_id = coalesce(?, sweep_id) WHERE id = ?");
  tie.bind(1, environment_id);
  if (sweep_id) tie.bind(2, *sweep_id);
  tie.bind(3, trial_id);
  tie.exec();
}

std::set<std::pair<std::string, std::int64_t>> find_answered(SQLite::Database& database, std::int64_t trial_id) {
  SQLite::Statement find(
      database, "SELECT DISTINCT examples.task, examples.doc_id FROM answers JOIN examples ON examples.id = answers.example_id WHERE answers.trial_id = ?");
  find.bind(1, trial_id);
  std::set<std::pair<std::string, std::int64_t>> answered;
  while (find.executeStep()) answered.emplace(find.getColumn(0).getString(), find.getColumn(1).getInt64());
  return answered;
}

// A served model's answers stand when its server goes away: what the newest failed trial got belongs to the next one.
void take_over_answers(SQLite::Database& database, const std::string& key, std::int64_t trial_id, TrialLog::OpenTrial& trial) {
  const auto failed = find_trial(database, key, "status = 'failed'");
  if (!failed) return;
  SQLite::Statement move(database, "UPDATE answers SET trial_id = ? WHERE trial_id = ?");
  move.bind(1, trial_id);
  move.bind(2, failed->id);
  if (move.exec() == 0) return;
  save_trial_sha256(database, failed->id);
  trial.seconds = number_map_from_json(failed->seconds_json);
  trial.answered = find_answered(database, trial_id);
}

void save_seconds(SQLite::Database& database, std::int64_t trial_id, const std::map<std::string, double>& seconds) {
  SQLite::Statement update(database,
                           "UPDATE trials SET load_seconds = ?, plan_seconds = ?, prefill_seconds = ?, decode_seconds = ?, total_seconds = ?, seconds_json = ? "
                           "WHERE id = ?");
  int index = 0;
  for (const char* phase : {"load", "plan", "prefill", "decode", "total"}) {
    ++index;
    if (const auto found = seconds.find(phase); found != seconds.end()) update.bind(index, found->second);
  }
  update.bind(6, number_map_to_json(seconds));
  update.bind(7, trial_id);
  update.exec();
}

void save_metric(SQLite::Statement& insert, std::int64_t trial_id, const Metric& metric) {
  insert.reset();
  insert.clearBindings();
  insert.bind(1, trial_id);
  insert.bind(2, readable_text(metric.name));
  insert.bind(3, readable_text(metric.filter));
  insert.bind(4, readable_text(metric.leaf));
  insert.bind(5, readable_text(metric.parent));
  insert.bind(6, metric.value);  // NaN becomes NULL
  if (metric.standard_error) insert.bind(7, *metric.standard_error);
  insert.bind(8, metric.unit);
  insert.bind(9, metric.higher_is_better ? 1 : 0);
  insert.bind(10, metric.count);
  insert.exec();
}

std::int64_t save_sweep(SQLite::Database& database, const std::string& name, const std::string& sweep_json) {
  const std::string digest = sha256_hex(sweep_json);
  SQLite::Statement insert(database, "INSERT INTO sweeps(name, sweep_sha256, sweep_json, started_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
  insert.bind(1, readable_text(name));
  insert.bind(2, digest);
  insert.bind(3, readable_text(sweep_json));
  insert.bind(4, utc_now());
  insert.exec();
  SQLite::Statement find(database, "SELECT id FROM sweeps WHERE name = ? AND sweep_sha256 = ?");
  find.bind(1, readable_text(name));
  find.bind(2, digest);
  find.executeStep();
  return find.getColumn(0).getInt64();
}

void freeze_grid(SQLite::Database& database, std::int64_t sweep_id, std::span<const Cell> cells) {
  const std::string digest = grid_sha256(cells);
  SQLite::Statement newest(
      database,
      "SELECT sweep_id, grid_sha256 FROM grids WHERE sweep_id IN (SELECT id FROM sweeps WHERE name = (SELECT name FROM sweeps WHERE id = ?)) "
      "ORDER BY id DESC LIMIT 1");
  newest.bind(1, sweep_id);
  if (newest.executeStep() && newest.getColumn(0).getInt64() == sweep_id && newest.getColumn(1).getString() == digest) return;
  SQLite::Statement insert(database, "INSERT INTO grids(sweep_id, grid_sha256, frozen_at) VALUES (?, ?, ?)");
  insert.bind(1, sweep_id);
  insert.bind(2, digest);
  insert.bind(3, utc_now());
  insert.exec();
  const std::int64_t grid_id = database.getLastInsertRowid();
  SQLite::Statement place(database, "INSERT INTO grid_cells(grid_id, position, cell_key) VALUES (?, ?, ?)");
  for (std::size_t i = 0; i < cells.size(); ++i) {
    place.reset();
    place.bind(1, grid_id);
    place.bind(2, static_cast<std::int64_t>(i));
    place.bind(3, cells[i].key);
    place.exec();
  }
}

}  // namespace

std::string grid_sha256(std::span<const Cell> cells) {
  Sha256 digest;
  for (const Cell& cell : cells) digest.update(cell.key + "\n");
  return digest.hex();
}

Claimed Store::Impl::try_begin(const Cell& cell, const Json& environment, OpenTrial& trial) {
  Claimed claimed = Claimed::kNothing;
  std::int64_t id = 0;
  try {
    write(
        [&](SQLite::Database& database) {
          if (find_trial(database, cell.key, "status IN ('ok', 'skipped')")) return;
          const auto cut_off = find_trial(database, cell.key, "status = 'running'");
          if (cut_off && !claims->try_claim(cut_off->id)) {
            claimed = Claimed::kElsewhere;
            return;
          }
          if (cut_off) id = cut_off->id;
          save_cell(database, cell);
          if (!last_environment || last_environment->first != environment) last_environment.emplace(environment, save_environment(database, environment));
          const std::int64_t environment_id = last_environment->second;
          if (cut_off) {
            trial.seconds = number_map_from_json(cut_off->seconds_json);
            trial.answered = find_answered(database, id);
          } else {
            id = insert_trial(database, cell.key, environment_id);
            WINNOW_CHECK(claims->try_claim(id));
            if (is_served(cell)) take_over_answers(database, cell.key, id, trial);
          }
          tie_trial(database, id, environment_id, sweep_id);
          claimed = Claimed::kOurs;
        },
        Durability::kSoon);
  } catch (...) {
    last_environment.reset();  // rolled back, perhaps
    if (id != 0) claims->release(id);
    throw;
  }
  if (claimed != Claimed::kOurs) return claimed;
  trial.id = id;
  open_trials.insert(id);
  return claimed;
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::open(const std::filesystem::path& file) {
  auto impl = std::make_unique<Impl>(file, Access::kWrite);
  impl->claims.emplace(std::filesystem::canonical(file).string() + "-lock");
  impl->read([&](SQLite::Database& database) { impl->writer.emplace(database); });
  return Store(std::move(impl));
}

Store Store::open_read_only(const std::filesystem::path& file) { return Store(std::make_unique<Impl>(file, Access::kRead)); }

void Store::check_place(const std::filesystem::path& file) { check_place_to_write(file); }

const std::filesystem::path& Store::file() const { return impl_->file; }

void Store::start_sweep(const std::string& name, const std::string& sweep_json, std::span<const Cell> cells) {
  impl_->write([&](SQLite::Database& database) {
    impl_->sweep_id = save_sweep(database, name, sweep_json);
    for (const Cell& cell : cells) save_cell(database, cell);
    freeze_grid(database, *impl_->sweep_id, cells);
  });
}

void Store::continue_sweep(const std::string& name, const std::string& sweep_json) {
  impl_->write([&](SQLite::Database& database) { impl_->sweep_id = save_sweep(database, name, sweep_json); });
}

Store::OpenTrial Store::begin(const Cell& cell, const Json& environment) {
  for (;;) {
    OpenTrial trial;
    const Claimed claimed = impl_->try_begin(cell, environment, trial);
    if (claimed != Claimed::kElsewhere || impl_->patience.count() <= 0) return trial;
    constexpr std::chrono::milliseconds kPause{20};
    impl_->patience -= kPause;
    std::this_thread::sleep_for(kPause);
  }
}

void Store::append(std::int64_t trial_id, std::span<const RecordedAnswer> answers, const std::map<std::string, double>& seconds) {
  WINNOW_CHECK(impl_->open_trials.contains(trial_id));
  impl_->write(
      [&](SQLite::Database& database) {
        for (const RecordedAnswer& answer : answers) impl_->writer->write(trial_id, answer);
        save_seconds(database, trial_id, seconds);
      },
      impl_->durability_of_answers());
}

void Store::finish(std::int64_t trial_id, const TrialEnd& end) {
  WINNOW_CHECK(impl_->open_trials.contains(trial_id) && end.status != TrialStatus::kRunning);
  impl_->write([&](SQLite::Database& database) {
    SQLite::Statement insert(
        database, "INSERT INTO metrics(trial_id, name, filter, leaf, parent, value, stderr, unit, higher_is_better, n) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (const Metric& metric : end.metrics) save_metric(insert, trial_id, metric);
    if (!end.seconds.empty()) save_seconds(database, trial_id, end.seconds);
    SQLite::Statement close(database, "UPDATE trials SET status = ?, reason = ?, finished_at = ? WHERE id = ?");
    close.bind(1, std::string(status_name(end.status)));
    close.bind(2, readable_text(end.reason));
    close.bind(3, utc_now());
    close.bind(4, trial_id);
    close.exec();
    save_trial_sha256(database, trial_id);
  });
  impl_->open_trials.erase(trial_id);
  impl_->claims->release(trial_id);
}

void Store::record_plan(std::int64_t trial_id, const std::string& plan_json) {
  WINNOW_CHECK(impl_->open_trials.contains(trial_id));
  impl_->write([&](SQLite::Database& database) {
    const std::string digest = sha256_hex(plan_json);
    SQLite::Statement insert(database, "INSERT INTO plans(sha256, plan_json) VALUES (?, ?) ON CONFLICT DO NOTHING");
    insert.bind(1, digest);
    insert.bind(2, plan_json);
    insert.exec();
    SQLite::Statement tie(database, "UPDATE trials SET plan_sha256 = ? WHERE id = ?");
    tie.bind(1, digest);
    tie.bind(2, trial_id);
    tie.exec();
  });
}

}  // namespace winnow
