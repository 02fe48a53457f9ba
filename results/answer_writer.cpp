#include "results/answer_writer.h"

#include <optional>

#include "harness/core/digest.h"
#include "harness/core/error.h"
#include "results/stored_values.h"

namespace winnow {
namespace {

void start(SQLite::Statement& statement) {
  statement.tryReset();  // an error of the statement's last run was thrown then
  statement.clearBindings();
}

// Reset at once: a statement left in its middle would keep the state of the store of this transaction in view of the next one.
std::optional<std::int64_t> find_id(SQLite::Statement& statement) {
  std::optional<std::int64_t> id;
  if (statement.executeStep()) id = statement.getColumn(0).getInt64();
  statement.reset();
  return id;
}

}  // namespace

AnswerWriter::AnswerWriter(SQLite::Database& database)
    : find_example_(database, "SELECT id FROM examples WHERE task = ? AND doc_id = ? AND data_sha256 = ? AND doc_hash = ? AND target_hash = ?"),
      insert_example_(database,
                      "INSERT INTO examples(task, doc_id, data_sha256, doc_hash, target_hash, doc_json, target, gold) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
      insert_prompt_(database, "INSERT INTO prompts(sha256, text, text_bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"),
      find_arguments_(database, "SELECT id FROM arguments WHERE sha256 = ?"),
      insert_arguments_(database, "INSERT INTO arguments(sha256, arguments_json) VALUES (?, ?)"),
      insert_answer_(database,
                     "INSERT INTO answers(trial_id, example_id, filter, prompt_sha256, arguments_id, reply, reply_bytes, raw_reply, raw_reply_bytes, "
                     "log_likelihoods_json, greedy_json, values_json) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      database_(&database) {}

std::int64_t AnswerWriter::save_example(const ExampleRecord& example) {
  const auto bind_key = [&](SQLite::Statement& statement) {
    start(statement);
    statement.bind(1, readable_text(example.leaf));
    statement.bind(2, example.doc_id);
    statement.bind(3, example.data_sha256);
    statement.bind(4, example.doc_hash);
    statement.bind(5, sha256_hex(example.target));
  };
  bind_key(find_example_);
  if (const auto id = find_id(find_example_)) return *id;
  bind_key(insert_example_);
  insert_example_.bind(6, readable_text(example.doc_json));
  insert_example_.bind(7, readable_text(example.target));
  if (example.gold) insert_example_.bind(8, *example.gold);
  insert_example_.exec();
  return database_->getLastInsertRowid();
}

std::string AnswerWriter::save_prompt(const std::string& prompt) {
  const std::string digest = sha256_hex(prompt);
  start(insert_prompt_);
  insert_prompt_.bind(1, digest);
  bind_exact_text(insert_prompt_, 2, prompt);
  insert_prompt_.exec();
  return digest;
}

std::int64_t AnswerWriter::save_arguments(const RecordedAnswer& recorded) {
  std::vector<std::string> prompts;
  for (const std::string& context : recorded.contexts) prompts.push_back(save_prompt(context));
  const std::string text = prompts.empty() ? strings_to_json(recorded.arguments) : string_pairs_to_json(prompts, recorded.arguments);
  const std::string digest = sha256_hex(text);
  start(find_arguments_);
  find_arguments_.bind(1, digest);
  if (const auto id = find_id(find_arguments_)) return *id;
  start(insert_arguments_);
  insert_arguments_.bind(1, digest);
  insert_arguments_.bind(2, text);
  insert_arguments_.exec();
  return database_->getLastInsertRowid();
}

void AnswerWriter::write(std::int64_t trial_id, const RecordedAnswer& recorded) {
  WINNOW_CHECK(!recorded.answers.empty());
  const std::int64_t example_id = save_example(recorded.example);
  const std::string prompt_digest = save_prompt(recorded.prompt);
  const std::int64_t arguments_id = save_arguments(recorded);
  const std::string log_likelihoods = numbers_to_json(recorded.log_likelihoods);
  const std::string greedy = booleans_to_json(recorded.greedy);
  const bool was_generated = recorded.log_likelihoods.empty();
  for (const Answer& answer : recorded.answers) {
    start(insert_answer_);
    insert_answer_.bind(1, trial_id);
    insert_answer_.bind(2, example_id);
    insert_answer_.bind(3, readable_text(answer.filter));
    insert_answer_.bind(4, prompt_digest);
    insert_answer_.bind(5, arguments_id);
    bind_exact_text(insert_answer_, 6, answer.reply);
    if (was_generated && &answer == &recorded.answers.front()) bind_exact_text(insert_answer_, 8, recorded.raw_reply);
    insert_answer_.bind(10, log_likelihoods);
    insert_answer_.bind(11, greedy);
    insert_answer_.bind(12, number_map_to_json(answer.values));
    insert_answer_.exec();
  }
}

}  // namespace winnow
