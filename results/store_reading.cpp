#include <algorithm>
#include <map>

#include "harness/core/json.h"
#include "harness/core/statistics.h"
#include "results/store_impl.h"
#include "results/stored_values.h"

namespace winnow {
namespace {

Metric read_metric(SQLite::Statement& row) {
  Metric metric;
  metric.name = row.getColumn(0).getString();
  metric.filter = row.getColumn(1).getString();
  metric.leaf = row.getColumn(2).getString();
  metric.parent = row.getColumn(3).getString();
  metric.value = row.getColumn(4).isNull() ? kNoNumber : row.getColumn(4).getDouble();
  if (!row.getColumn(5).isNull()) metric.standard_error = row.getColumn(5).getDouble();
  metric.unit = row.getColumn(6).getString();
  metric.higher_is_better = row.getColumn(7).getInt() != 0;
  metric.count = row.getColumn(8).getInt64();
  return metric;
}

constexpr const char* kSelectLatest =
    "SELECT trials.id, cells.key, cells.identity_json, cells.model, cells.variant, cells.task, cells.task_label, coalesce(sweeps.name, ''), trials.status, "
    "trials.reason, trials.started_at, trials.seconds_json, environment.id, environment.environment_json "
    "FROM cells JOIN trials ON trials.id = coalesce((SELECT max(id) FROM trials AS good WHERE good.cell_key = cells.key AND good.status = 'ok'), "
    "(SELECT max(id) FROM trials AS newest WHERE newest.cell_key = cells.key)) "
    "JOIN environment ON environment.id = trials.environment_id LEFT JOIN sweeps ON sweeps.id = trials.sweep_id ORDER BY cells.rowid";

// Trials of one run share what they ran with, which may be long: it names the seeds of every task. Parsed once each.
using Environments = std::map<std::int64_t, Json>;

const Json& environment_in(SQLite::Statement& row, Environments& known) {
  const auto [place, is_new] = known.try_emplace(row.getColumn(12).getInt64());
  if (is_new) place->second = json_from_column(row.getColumn(13).getString(), "environment.environment_json");
  return place->second;
}

Trial read_trial(SQLite::Statement& row, Environments& environments) {
  Trial trial;
  trial.id = row.getColumn(0).getInt64();
  trial.cell.key = row.getColumn(1).getString();
  trial.cell.identity = json_from_column(row.getColumn(2).getString(), "cells.identity_json");
  trial.cell.model = row.getColumn(3).getString();
  trial.cell.variant = row.getColumn(4).getString();
  trial.cell.task = row.getColumn(5).getString();
  trial.cell.task_label = row.getColumn(6).getString();
  trial.sweep = row.getColumn(7).getString();
  trial.status = status_from_name(row.getColumn(8).getString());
  trial.reason = row.getColumn(9).getString();
  trial.started_at = row.getColumn(10).getString();
  trial.seconds = number_map_from_json(row.getColumn(11).getString());
  trial.environment = environment_in(row, environments);
  return trial;
}

// Ids of a trial's answers in the order in which they are shown. Only ids are sorted: prompts and replies may be large.
std::vector<std::int64_t> ordered_answer_ids(SQLite::Database& database, std::int64_t trial_id) {
  SQLite::Statement find(database,
                         "WITH filters AS (SELECT filter, min(id) AS first FROM answers WHERE trial_id = ?1 GROUP BY filter) "
                         "SELECT answers.id FROM answers JOIN examples ON examples.id = answers.example_id JOIN filters ON filters.filter = answers.filter "
                         "WHERE answers.trial_id = ?1 ORDER BY examples.task, filters.first, examples.doc_id, answers.id");
  find.bind(1, trial_id);
  std::vector<std::int64_t> ids;
  while (find.executeStep()) ids.push_back(find.getColumn(0).getInt64());
  return ids;
}

constexpr const char* kSelectAnswer =
    "SELECT examples.task, examples.data_sha256, examples.doc_id, examples.doc_json, examples.doc_hash, examples.target, examples.gold, "
    "prompts.text, prompts.text_bytes, arguments.arguments_json, first.raw_reply, first.raw_reply_bytes, answers.log_likelihoods_json, answers.greedy_json, "
    "answers.filter, answers.reply, answers.reply_bytes, answers.values_json "
    "FROM answers JOIN examples ON examples.id = answers.example_id JOIN prompts ON prompts.sha256 = answers.prompt_sha256 "
    "JOIN arguments ON arguments.id = answers.arguments_id "
    "LEFT JOIN answers AS first ON first.trial_id = answers.trial_id AND first.example_id = answers.example_id AND first.raw_reply IS NOT NULL "
    "WHERE answers.id = ?";

void step_to_answer(SQLite::Statement& find) {
  if (!find.executeStep()) throw DamagedValue("an answer names a prompt or arguments that are not there");
}

// Continuations or stop strings; with contexts of their own each is a pair, the context by its digest.
void read_arguments(SQLite::Database& database, const std::string& text, RecordedAnswer& recorded) {
  const auto pairs = string_pairs_from_json(text);
  if (pairs.empty()) recorded.arguments = strings_from_json(text);
  SQLite::Statement find(database, "SELECT text, text_bytes FROM prompts WHERE sha256 = ?");
  for (const auto& [prompt_sha256, argument] : pairs) {
    find.reset();
    find.bind(1, prompt_sha256);
    recorded.contexts.push_back(find.executeStep() ? exact_text(find, 0) : "");
    recorded.arguments.push_back(argument);
  }
}

RecordedAnswer read_answer(SQLite::Database& database, SQLite::Statement& row) {
  RecordedAnswer recorded;
  recorded.example.leaf = row.getColumn(0).getString();
  recorded.example.data_sha256 = row.getColumn(1).getString();
  recorded.example.doc_id = row.getColumn(2).getInt64();
  recorded.example.doc_json = row.getColumn(3).getString();
  recorded.example.doc_hash = row.getColumn(4).getString();
  recorded.example.target = row.getColumn(5).getString();
  if (!row.getColumn(6).isNull()) recorded.example.gold = row.getColumn(6).getInt64();
  recorded.prompt = exact_text(row, 7);
  read_arguments(database, row.getColumn(9).getString(), recorded);
  if (!row.getColumn(10).isNull()) recorded.raw_reply = exact_text(row, 10);
  recorded.log_likelihoods = numbers_from_json(row.getColumn(12).getString());
  recorded.greedy = booleans_from_json(row.getColumn(13).getString());
  recorded.answers.push_back({row.getColumn(14).getString(), exact_text(row, 15), number_map_from_json(row.getColumn(17).getString())});
  return recorded;
}

std::set<std::string> find_keys(SQLite::Database& database, const char* question) {
  SQLite::Statement find(database, question);
  std::set<std::string> keys;
  while (find.executeStep()) keys.insert(find.getColumn(0).getString());
  return keys;
}

}  // namespace

std::set<std::string> Store::finished_keys() {
  return impl_->read([](SQLite::Database& database) { return find_keys(database, "SELECT DISTINCT cell_key FROM trials WHERE status IN ('ok', 'skipped')"); });
}

std::set<std::string> Store::failed_keys() {
  return impl_->read([](SQLite::Database& database) {
    return find_keys(
        database, "SELECT cell_key FROM trials WHERE status = 'failed' AND id = (SELECT max(id) FROM trials AS other WHERE other.cell_key = trials.cell_key)");
  });
}

std::vector<Cell> Store::frozen_cells(const std::string& sweep_name) {
  return impl_->read([&](SQLite::Database& database) {
    std::vector<Cell> cells;
    if (!database.tableExists("grids")) return cells;  // a store of version 1, open to read
    SQLite::Statement find(
        database,
        "SELECT cells.key, cells.identity_json, cells.model, cells.variant, cells.task, cells.task_label FROM grid_cells JOIN cells ON cells.key = cell_key "
        "WHERE grid_id = (SELECT max(grids.id) FROM grids JOIN sweeps ON sweeps.id = sweep_id WHERE sweeps.name = ?) ORDER BY position");
    find.bind(1, readable_text(sweep_name));
    while (find.executeStep()) {
      Cell cell;
      cell.key = find.getColumn(0).getString();
      cell.identity = json_from_column(find.getColumn(1).getString(), "cells.identity_json");
      cell.model = find.getColumn(2).getString();
      cell.variant = find.getColumn(3).getString();
      cell.task = find.getColumn(4).getString();
      cell.task_label = find.getColumn(5).getString();
      cells.push_back(std::move(cell));
    }
    return cells;
  });
}

std::vector<Metric> read_metrics(SQLite::Database& database, std::int64_t trial_id) {
  SQLite::Statement find(database, "SELECT name, filter, leaf, parent, value, stderr, unit, higher_is_better, n FROM metrics WHERE trial_id = ? ORDER BY id");
  find.bind(1, trial_id);
  std::vector<Metric> metrics;
  while (find.executeStep()) metrics.push_back(read_metric(find));
  return metrics;
}

std::vector<ScoredAnswer> scored_answers(SQLite::Database& database, std::int64_t trial_id) {
  SQLite::Statement find(
      database,
      "SELECT examples.task, examples.doc_id, answers.filter, answers.values_json FROM answers JOIN examples ON examples.id = answers.example_id "
      "WHERE answers.trial_id = ? ORDER BY examples.task, examples.doc_id, answers.id");
  find.bind(1, trial_id);
  std::vector<ScoredAnswer> answers;
  while (find.executeStep()) {
    answers.push_back(
        {find.getColumn(0).getString(), find.getColumn(1).getInt64(), find.getColumn(2).getString(), number_map_from_json(find.getColumn(3).getString())});
  }
  return answers;
}

std::vector<ScoredAnswer> Store::answers(std::int64_t trial_id) {
  return impl_->read([&](SQLite::Database& database) { return scored_answers(database, trial_id); });
}

std::vector<ScoredAnswer> Store::answers_of_cell(const std::string& key) {
  const std::int64_t trial_id = impl_->read([&](SQLite::Database& database) {
    SQLite::Statement find(database, "SELECT coalesce(max(id), 0) FROM trials WHERE cell_key = ? AND status = 'ok'");
    find.bind(1, key);
    find.executeStep();
    return find.getColumn(0).getInt64();
  });
  return trial_id == 0 ? std::vector<ScoredAnswer>{} : answers(trial_id);
}

std::vector<Trial> Store::latest() {
  return impl_->read([](SQLite::Database& database) {
    SQLite::Statement find(database, kSelectLatest);
    Environments environments;
    std::vector<Trial> trials;
    while (find.executeStep()) {
      trials.push_back(read_trial(find, environments));
      trials.back().metrics = read_metrics(database, trials.back().id);
    }
    return trials;
  });
}

void Store::for_each_answer(std::int64_t trial_id, const std::function<void(const RecordedAnswer&)>& visit) {
  impl_->read([&](SQLite::Database& database) {
    SQLite::Statement find(database, kSelectAnswer);
    for (const std::int64_t id : ordered_answer_ids(database, trial_id)) {
      find.reset();
      find.bind(1, id);
      step_to_answer(find);
      visit(read_answer(database, find));
    }
  });
}

std::vector<Outcome> Store::outcomes(std::int64_t trial_id, const std::string& filter) {
  return impl_->read([&](SQLite::Database& database) {
    if (!impl_->outcome_reader) impl_->outcome_reader.emplace(database, impl_->file);
    return impl_->outcome_reader->read(trial_id, filter);
  });
}

std::vector<RecordedAnswer> Store::item(std::int64_t trial_id, const std::string& leaf, std::int64_t doc_id) {
  return impl_->read([&](SQLite::Database& database) {
    SQLite::Statement ids(database,
                          "SELECT answers.id FROM examples JOIN answers ON answers.trial_id = ? AND answers.example_id = examples.id "
                          "WHERE examples.task = ? AND examples.doc_id = ? ORDER BY answers.id");
    ids.bind(1, trial_id);
    ids.bind(2, readable_text(leaf));
    ids.bind(3, doc_id);
    SQLite::Statement find(database, kSelectAnswer);
    std::vector<RecordedAnswer> answers;
    while (ids.executeStep()) {
      find.reset();
      find.bind(1, ids.getColumn(0).getInt64());
      step_to_answer(find);
      answers.push_back(read_answer(database, find));
    }
    return answers;
  });
}

std::vector<std::string> Store::leaves() {
  return impl_->read([](SQLite::Database& database) {
    SQLite::Statement find(database, "SELECT DISTINCT task FROM examples ORDER BY task");
    std::vector<std::string> leaves;
    while (find.executeStep()) leaves.push_back(find.getColumn(0).getString());
    return leaves;
  });
}

std::vector<std::pair<std::string, std::int64_t>> Store::documents(const std::string& hash_prefix) {
  return impl_->read([&](SQLite::Database& database) {
    SQLite::Statement find(database, "SELECT DISTINCT task, doc_id FROM examples WHERE substr(doc_hash, 1, ?) = ? ORDER BY task, doc_id");
    find.bind(1, static_cast<std::int64_t>(hash_prefix.size()));
    find.bind(2, readable_text(hash_prefix));
    std::vector<std::pair<std::string, std::int64_t>> documents;
    while (find.executeStep()) documents.emplace_back(find.getColumn(0).getString(), find.getColumn(1).getInt64());
    return documents;
  });
}

std::vector<StoredTrial> latest_of(std::span<Store> stores) {
  std::vector<StoredTrial> trials;
  std::map<std::string, std::size_t> position_of_key;
  for (std::size_t store = 0; store < stores.size(); ++store) {
    for (Trial& trial : stores[store].latest()) {
      const auto [position, is_new] = position_of_key.emplace(trial.cell.key, trials.size());
      if (is_new) {
        trials.push_back({store, std::move(trial)});
      } else if (trial.status == TrialStatus::kOk || trials[position->second].trial.status != TrialStatus::kOk) {
        trials[position->second] = {store, std::move(trial)};
      }
    }
  }
  return trials;
}

}  // namespace winnow
