#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>

#include "harness/core/trial.h"

namespace winnow {

// Writes answers inside the caller's transaction; examples, prompts and arguments that are there already are shared.
class AnswerWriter {
 public:
  explicit AnswerWriter(SQLite::Database& database);
  void write(std::int64_t trial_id, const RecordedAnswer& recorded);

 private:
  std::int64_t save_example(const ExampleRecord& example);
  std::string save_prompt(const std::string& prompt);
  std::int64_t save_arguments(const RecordedAnswer& recorded);

  SQLite::Statement find_example_, insert_example_, insert_prompt_, find_arguments_, insert_arguments_, insert_answer_;
  SQLite::Database* database_;
};

}  // namespace winnow
