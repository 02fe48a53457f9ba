-- The store of Winnow, version 3. Every statement may be run again: this text also brings stores of versions 0 (unnumbered), 1 (without grids) and 2 (without
-- digests of trials) up to 3.
-- JSON stands only in columns ending in _json; times are ISO 8601 in UTC; truth values are 0 and 1. results/README.md has example questions.

CREATE TABLE IF NOT EXISTS sweeps(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  sweep_sha256 TEXT NOT NULL,
  sweep_json TEXT NOT NULL,
  started_at TEXT NOT NULL,
  UNIQUE(name, sweep_sha256)
) STRICT;

CREATE TABLE IF NOT EXISTS cells(
  key TEXT PRIMARY KEY,
  model TEXT NOT NULL,
  variant TEXT NOT NULL,
  task TEXT NOT NULL,
  task_label TEXT NOT NULL,
  identity_json TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS environment(
  id INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  environment_json TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS plans(
  sha256 TEXT PRIMARY KEY,
  plan_json TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS trials(
  id INTEGER PRIMARY KEY,
  cell_key TEXT NOT NULL REFERENCES cells(key),
  sweep_id INTEGER REFERENCES sweeps(id),
  environment_id INTEGER NOT NULL REFERENCES environment(id),
  plan_sha256 TEXT REFERENCES plans(sha256),
  status TEXT NOT NULL CHECK(status IN ('running', 'ok', 'failed', 'skipped')),
  reason TEXT NOT NULL DEFAULT '',
  started_at TEXT NOT NULL,
  finished_at TEXT,
  seconds_json TEXT NOT NULL DEFAULT '{}',
  load_seconds REAL,
  plan_seconds REAL,
  prefill_seconds REAL,
  decode_seconds REAL,
  total_seconds REAL
) STRICT;
CREATE INDEX IF NOT EXISTS trials_by_cell ON trials(cell_key, status);
CREATE UNIQUE INDEX IF NOT EXISTS one_running_trial_per_cell ON trials(cell_key) WHERE status = 'running';

CREATE TABLE IF NOT EXISTS metrics(
  id INTEGER PRIMARY KEY,
  trial_id INTEGER NOT NULL REFERENCES trials(id),
  name TEXT NOT NULL,
  filter TEXT NOT NULL,
  leaf TEXT NOT NULL,
  parent TEXT NOT NULL,
  value REAL,
  stderr REAL,
  unit TEXT NOT NULL,
  higher_is_better INTEGER NOT NULL CHECK(higher_is_better IN (0, 1)),
  n INTEGER NOT NULL,
  UNIQUE(trial_id, leaf, name, filter)
) STRICT;

CREATE TABLE IF NOT EXISTS examples(
  id INTEGER PRIMARY KEY,
  task TEXT NOT NULL,
  data_sha256 TEXT NOT NULL,
  doc_id INTEGER NOT NULL,
  doc_json TEXT NOT NULL,
  doc_hash TEXT NOT NULL,
  target TEXT NOT NULL,
  target_hash TEXT NOT NULL,
  gold INTEGER,
  UNIQUE(task, doc_id, data_sha256, doc_hash, target_hash)
) STRICT;

CREATE TABLE IF NOT EXISTS prompts(
  sha256 TEXT PRIMARY KEY,
  text TEXT NOT NULL,
  text_bytes BLOB
) STRICT;

CREATE TABLE IF NOT EXISTS arguments(
  id INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  arguments_json TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS answers(
  id INTEGER PRIMARY KEY,
  trial_id INTEGER NOT NULL REFERENCES trials(id),
  example_id INTEGER NOT NULL REFERENCES examples(id),
  filter TEXT NOT NULL,
  prompt_sha256 TEXT NOT NULL REFERENCES prompts(sha256),
  arguments_id INTEGER NOT NULL REFERENCES arguments(id),
  reply TEXT NOT NULL,
  reply_bytes BLOB,
  raw_reply TEXT,
  raw_reply_bytes BLOB,
  log_likelihoods_json TEXT NOT NULL,
  greedy_json TEXT NOT NULL,
  values_json TEXT NOT NULL,
  UNIQUE(trial_id, example_id, filter)
) STRICT;

-- Of a trial as it ended, over all it tells; trials that older versions wrote have none.
CREATE TABLE IF NOT EXISTS trial_digests(
  trial_id INTEGER PRIMARY KEY REFERENCES trials(id),
  sha256 TEXT NOT NULL
) STRICT;

-- What a sweep stood for each time its cells had changed, in running order.
CREATE TABLE IF NOT EXISTS grids(
  id INTEGER PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweeps(id),
  grid_sha256 TEXT NOT NULL,
  frozen_at TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS grid_cells(
  grid_id INTEGER NOT NULL REFERENCES grids(id),
  position INTEGER NOT NULL,
  cell_key TEXT NOT NULL REFERENCES cells(key),
  PRIMARY KEY(grid_id, position)
) STRICT, WITHOUT ROWID;

-- What is known of each cell now: its newest trial that went well.
CREATE VIEW IF NOT EXISTS latest AS
SELECT trials.*, cells.model, cells.variant, cells.task, cells.task_label
FROM trials JOIN cells ON cells.key = trials.cell_key
WHERE trials.id = (SELECT max(id) FROM trials AS other WHERE other.cell_key = trials.cell_key AND other.status = 'ok');

-- One row per cell: the first metric of its latest trial, which is the task's headline.
CREATE VIEW IF NOT EXISTS leaderboard AS
SELECT latest.model, latest.variant, latest.task_label AS task, metrics.name AS metric, metrics.filter, metrics.value, metrics.stderr,
       metrics.unit, metrics.higher_is_better, metrics.n, latest.id AS trial_id, latest.started_at
FROM latest JOIN metrics ON metrics.id = (SELECT min(id) FROM metrics AS other WHERE other.trial_id = latest.id AND other.leaf = '');

-- Cells without a good trial, with the reason of the newest one.
CREATE VIEW IF NOT EXISTS failures AS
SELECT cells.model, cells.variant, cells.task_label AS task, trials.status, trials.reason, trials.id AS trial_id, trials.started_at
FROM trials JOIN cells ON cells.key = trials.cell_key
WHERE trials.id = (SELECT max(id) FROM trials AS other WHERE other.cell_key = trials.cell_key)
  AND trials.status IN ('failed', 'skipped')
  AND trials.cell_key NOT IN (SELECT cell_key FROM trials AS other WHERE other.status = 'ok');

-- Every answer beside its question.
CREATE VIEW IF NOT EXISTS graded AS
SELECT cells.model, cells.variant, cells.task_label, examples.task AS leaf, examples.doc_id, answers.filter, prompts.text AS prompt, examples.target,
       answers.reply, answers.raw_reply, answers.log_likelihoods_json, answers.values_json, answers.trial_id, answers.example_id
FROM answers JOIN trials ON trials.id = answers.trial_id JOIN cells ON cells.key = trials.cell_key
JOIN examples ON examples.id = answers.example_id JOIN prompts ON prompts.sha256 = answers.prompt_sha256;

CREATE TABLE IF NOT EXISTS metadata(
  table_name TEXT NOT NULL,
  column_name TEXT NOT NULL,
  description TEXT NOT NULL,
  PRIMARY KEY(table_name, column_name)
) STRICT;

INSERT OR REPLACE INTO metadata(table_name, column_name, description) VALUES
('sweeps', '', 'Sweep files that were run into this store'),
('sweeps', 'name', 'Name that the sweep file gives itself'),
('sweeps', 'sweep_sha256', 'SHA-256 of sweep_json'),
('sweeps', 'sweep_json', 'The sweep as run, overrides applied'),
('sweeps', 'started_at', 'When it was first started'),
('cells', '', 'What is to be run: one model, pruned one way, on one task'),
('cells', 'key', 'SHA-256 of identity_json; equal keys mean equal results'),
('cells', 'model', 'Model as the newest sweep names it'),
('cells', 'variant', 'Label of the way to prune'),
('cells', 'task', 'Registered name of the task'),
('cells', 'task_label', 'Task as reports show it'),
('cells', 'identity_json', 'Digests, versions and settings that decide the result'),
('grids', '', 'Frozen expansions of sweeps: the newest of a sweep says which cells it stands for'),
('grids', 'sweep_id', 'The sweep file that was expanded'),
('grids', 'grid_sha256', 'SHA-256 of the keys of its cells in running order, a newline after each'),
('grids', 'frozen_at', 'When these became its cells'),
('grid_cells', '', 'Cells of the grids'),
('grid_cells', 'grid_id', 'The grid'),
('grid_cells', 'position', 'Place in running order, from 0'),
('grid_cells', 'cell_key', 'The cell'),
('environment', '', 'Surroundings of runs: commit, compiler, libraries, machine, seeds'),
('environment', 'sha256', 'SHA-256 of environment_json'),
('environment', 'environment_json', 'The surroundings'),
('plans', '', 'What was removed: plans of pruners'),
('plans', 'sha256', 'SHA-256 of plan_json'),
('plans', 'plan_json', 'The plan'),
('trials', '', 'Runs of cells, in the order in which they were begun'),
('trials', 'cell_key', 'The cell'),
('trials', 'sweep_id', 'The sweep that began it'),
('trials', 'environment_id', 'Surroundings of the process that ran or last resumed it'),
('trials', 'plan_sha256', 'The plan applied to the model; empty for dense'),
('trials', 'status', 'running, ok, failed or skipped (unsupported here)'),
('trials', 'reason', 'A sentence for failed and skipped'),
('trials', 'started_at', 'When it was begun'),
('trials', 'finished_at', 'When it ended'),
('trials', 'seconds_json', 'Seconds of every phase, on a monotonic clock; the columns after it repeat the usual ones'),
('trials', 'load_seconds', 'Seconds to read the model'),
('trials', 'plan_seconds', 'Seconds to calibrate and plan'),
('trials', 'prefill_seconds', 'Seconds of forward passes over prompts'),
('trials', 'decode_seconds', 'Seconds of one-token steps'),
('trials', 'total_seconds', 'Seconds of everything'),
('metrics', '', 'Numbers of trials; the first of a trial is the headline of its task'),
('metrics', 'trial_id', 'The trial'),
('metrics', 'name', 'acc, exact_match, word_perplexity, peak_bytes, ...'),
('metrics', 'filter', 'How replies were read: strict-match, flexible-extract; none where there is one way only'),
('metrics', 'leaf', 'Sub-task or group in the naming of lm-evaluation-harness; empty for the task itself'),
('metrics', 'parent', 'Group that the leaf belongs to'),
('metrics', 'value', 'The number; NULL where it is not a number'),
('metrics', 'stderr', 'Standard error; NULL where there is none'),
('metrics', 'unit', 'share, perplexity, bytes, seconds, tokens, tokens/s, bits, examples'),
('metrics', 'higher_is_better', '1 or 0'),
('metrics', 'n', 'Examples it is over'),
('examples', '', 'Questions, stored once for all cells'),
('examples', 'task', 'Sub-task in the naming of lm-evaluation-harness'),
('examples', 'data_sha256', 'SHA-256 of the data file'),
('examples', 'doc_id', 'Row of the evaluated split, from 0'),
('examples', 'doc_json', 'The row, with two-space indent'),
('examples', 'doc_hash', 'SHA-256 of doc_json, as lm-evaluation-harness writes it'),
('examples', 'target', 'What a right answer looks like'),
('examples', 'target_hash', 'SHA-256 of target'),
('examples', 'gold', 'Index of the right choice; NULL where there are no choices'),
('prompts', '', 'Contexts given to models, stored once for all cells'),
('prompts', 'sha256', 'SHA-256 of the text: the prompt_hash of lm-evaluation-harness'),
('prompts', 'text', 'The context of the first request'),
('prompts', 'text_bytes', 'The exact bytes where the text holds NUL or is not UTF-8; NULL otherwise'),
('arguments', '', 'What was asked of a context, stored once for all cells'),
('arguments', 'sha256', 'SHA-256 of arguments_json'),
('arguments', 'arguments_json', 'Continuations that were scored, or stop strings of a generation; pairs of prompts.sha256 and continuation where each has a context of its own'),
('answers', '', 'What came back for one question under one filter'),
('answers', 'trial_id', 'The trial'),
('answers', 'example_id', 'The question'),
('answers', 'filter', 'How the reply was read'),
('answers', 'prompt_sha256', 'The context'),
('answers', 'arguments_id', 'The continuations or stop strings'),
('answers', 'reply', 'The reply after the filter; empty for multiple choice'),
('answers', 'reply_bytes', 'Its exact bytes where it holds NUL or is not UTF-8; NULL otherwise'),
('answers', 'raw_reply', 'Generated text before filters, on the row of the first filter; NULL on the others and where nothing was generated'),
('answers', 'raw_reply_bytes', 'Its exact bytes where it holds NUL or is not UTF-8; NULL otherwise'),
('answers', 'log_likelihoods_json', 'Natural log-likelihoods, one per continuation'),
('answers', 'greedy_json', 'Whether each continuation is what greedy decoding gives'),
('answers', 'values_json', 'Grades: what the metrics are means or sums of'),
('trial_digests', '', 'What winnow verify holds the trials against'),
('trial_digests', 'trial_id', 'The trial, ended'),
('trial_digests', 'sha256', 'SHA-256 over its cell, status, times, metrics and answers'),
('latest', '', 'Newest good trial of each cell'),
('leaderboard', '', 'Headline metric of the newest good trial of each cell'),
('failures', '', 'Cells without a good trial, with the reason'),
('graded', '', 'Answers beside their questions'),
('metadata', '', 'This description');
