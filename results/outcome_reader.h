#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "results/outcome.h"

namespace winnow {

// Reads outcomes trial by trial. What trials have in common (examples, prompts, grades) is looked up once and shared by all, for as long as this lives:
// ids of examples and arguments mean the same as long as their store exists.
class OutcomeReader {
 public:
  OutcomeReader(SQLite::Database& database, std::filesystem::path file);

  // By task and document.
  std::vector<Outcome> read(std::int64_t trial_id, const std::string& filter);

 private:
  struct Example {
    std::size_t leaf;  // of leaves_
    std::int64_t doc_id;
    SharedText doc_hash;
    SharedText last_prompt_sha256 = {};  // that an answer to it had: variants of a model are asked alike
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  Example& example(std::int64_t id);
  const SharedText& arguments(std::int64_t id);
  const SharedValues& values(std::string_view json);
  std::size_t leaf_number(const std::string& name);
  std::vector<std::size_t> ranks_of_leaves() const;

  std::filesystem::path file_;
  SQLite::Statement find_answers_, find_example_, find_arguments_;
  std::unordered_map<std::int64_t, Example> examples_;
  std::unordered_map<std::int64_t, SharedText> arguments_;
  std::vector<SharedText> leaves_;
  std::unordered_map<std::string, SharedValues, TextHash, std::equal_to<>> values_;
};

}  // namespace winnow
