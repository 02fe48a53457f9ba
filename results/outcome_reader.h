#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "results/outcome.h"

namespace winnow {

// Reads outcomes trial by trial. What trials have in common (questions, grades) is made once and shared by all, for as long as this lives: ids of examples
// and arguments mean the same as long as their store exists.
class OutcomeReader {
 public:
  OutcomeReader(SQLite::Database& database, std::filesystem::path file);

  // By task and document.
  std::vector<Outcome> read(std::int64_t trial_id, const std::string& filter);

 private:
  struct Example {
    std::size_t leaf;  // of leaves_
    std::int64_t doc_id;
    std::string doc_hash;
    std::int64_t arguments_id = 0;                  // of `question`
    std::shared_ptr<const Question> question = {};  // as it was asked last: variants of a model are asked alike
  };
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  Example& example(std::int64_t id);
  const std::shared_ptr<const Question>& question(Example& asked, std::int64_t arguments_id, std::string_view prompt_sha256);
  const std::string& arguments(std::int64_t id);
  const SharedValues& values(std::string_view json);
  std::size_t leaf_number(const std::string& name);
  std::vector<std::size_t> ranks_of_leaves() const;

  std::filesystem::path file_;
  SQLite::Database& database_;
  SQLite::Statement find_example_, find_arguments_;
  std::unique_ptr<sqlite3_stmt, Finalizer> find_answers_;  // SQLiteCpp's columns would take a third of the time
  std::unordered_map<std::int64_t, Example> examples_;
  std::unordered_map<std::int64_t, std::string> arguments_;
  std::vector<std::string> leaves_;
  std::unordered_map<std::string, SharedValues, TextHash, std::equal_to<>> values_;
};

}  // namespace winnow
