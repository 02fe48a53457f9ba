#pragma once
#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "results/store.h"
#include "tests/results/sample_trials.h"

namespace winnow::test {

inline std::vector<Cell> make_cells(int count) {
  std::vector<Cell> cells;
  for (int i = 0; i < count; ++i) cells.push_back(make_cell("tiny", "random-" + std::to_string(i), "gsm8k"));
  return cells;
}

// What `winnow run` does with a store, with a small number of answers per cell. Tells each cell that is finished.
inline void run_cells(
    const std::filesystem::path& file, const std::vector<Cell>& cells, int examples, const std::function<void(const Cell&)>& on_finish = [](const Cell&) {}) {
  Store store = Store::open(file);
  store.start_sweep("kills", "{}", cells);
  const auto finished = store.finished_keys();
  for (const Cell& cell : cells) {
    if (finished.contains(cell.key)) continue;
    const auto trial = store.begin(cell, {{"commit", "abc"}});
    if (trial.id == 0) continue;
    for (int doc = 0; doc < examples; doc += 2) {
      std::vector<RecordedAnswer> batch;
      for (const int next : {doc, doc + 1}) {
        if (!trial.answered.contains({"gsm8k", next})) batch.push_back(make_answer(next));
      }
      if (!batch.empty()) store.append(trial.id, batch, {{"total", 1.0}});
    }
    double right = 0;
    for (const ScoredAnswer& answer : store.answers(trial.id)) right += answer.values.at("exact_match");
    store.record_plan(trial.id, "{\"experts\": 6}");
    store.finish(trial.id, {TrialStatus::kOk, "", {{"exact_match", "strict-match", right / examples, 0.1, "share", true, examples}}, {{"total", 1.0}}});
    on_finish(cell);
  }
}

// Everything but ids and times, in an order of its own.
inline std::vector<std::string> contents(const std::filesystem::path& file) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);  // so that it leaves no log behind
  std::vector<std::string> lines;
  for (const char* question :
       {"SELECT 'answer', cells.key, examples.task, examples.doc_id, examples.doc_json, examples.target, answers.filter, prompts.text, "
        "arguments.arguments_json, answers.reply, "
        "coalesce(answers.raw_reply, '(none)'), answers.log_likelihoods_json, answers.greedy_json, answers.values_json FROM answers JOIN trials ON trials.id = "
        "trial_id JOIN cells "
        "ON cells.key = cell_key JOIN examples ON examples.id = example_id JOIN prompts ON prompts.sha256 = prompt_sha256 JOIN arguments ON arguments.id = "
        "arguments_id",
        "SELECT 'trial', cell_key, status, reason, seconds_json, plan_sha256, sweeps.name FROM trials JOIN sweeps ON sweeps.id = sweep_id",
        "SELECT 'metric', cell_key, name, filter, leaf, value, stderr, unit, n FROM metrics JOIN trials ON trials.id = trial_id",
        "SELECT 'counts', (SELECT count(*) FROM examples), (SELECT count(*) FROM prompts), (SELECT count(*) FROM arguments), (SELECT count(*) FROM answers), "
        "(SELECT count(*) FROM trials), (SELECT count(*) FROM cells), (SELECT count(*) FROM plans), (SELECT count(*) FROM environment)"}) {
    SQLite::Statement rows(database, question);
    while (rows.executeStep()) {
      std::string line;
      for (int column = 0; column < rows.getColumnCount(); ++column) line += rows.getColumn(column).getString() + "\x1f";
      lines.push_back(line);
    }
  }
  std::ranges::sort(lines);
  return lines;
}

inline void expect_sound(const std::filesystem::path& file) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
  EXPECT_EQ(database.execAndGet("PRAGMA integrity_check").getString(), "ok");
  SQLite::Statement broken(database, "PRAGMA foreign_key_check");
  EXPECT_FALSE(broken.executeStep());
}

}  // namespace winnow::test
