#include "results/outcome_reader.h"

#include <sqlite3.h>

#include <algorithm>
#include <compare>
#include <numeric>
#include <utility>

#include "harness/core/error.h"
#include "results/stored_values.h"

namespace winnow {
namespace {

constexpr std::size_t kMaxValuesKept = 4096;  // log-likelihoods differ from answer to answer

// By the index on (trial, example, filter): SQLite neither sorts wide rows nor looks the same example up again and again.
constexpr const char* kFindAnswers = "SELECT id, example_id, prompt_sha256, arguments_id, values_json FROM answers WHERE trial_id = ? AND filter = ?";

// A column; it lives until the statement's next step.
std::string_view text_in(sqlite3_stmt* row, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text == nullptr ? std::string_view() : std::string_view(text, static_cast<std::size_t>(sqlite3_column_bytes(row, column)));
}

}  // namespace

void OutcomeReader::Finalizer::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

OutcomeReader::OutcomeReader(SQLite::Database& database, std::filesystem::path file)
    : file_(std::move(file)),
      database_(database),
      find_example_(database, "SELECT task, doc_id, doc_hash FROM examples WHERE id = ?"),
      find_arguments_(database, "SELECT sha256 FROM arguments WHERE id = ?") {
  sqlite3_stmt* statement = nullptr;
  if (const int code = sqlite3_prepare_v2(database.getHandle(), kFindAnswers, -1, &statement, nullptr); code != SQLITE_OK)
    throw SQLite::Exception(database.getHandle(), code);
  find_answers_.reset(statement);
}

OutcomeReader::Example& OutcomeReader::example(std::int64_t id) {
  if (const auto known = examples_.find(id); known != examples_.end()) return known->second;
  find_example_.reset();
  find_example_.bind(1, id);
  if (!find_example_.executeStep()) {
    throw input_error("{}: the store is damaged: it has answers to example {}, but not the example; restore it from a copy", file_.string(), id);
  }
  Example found{.leaf = leaf_number(find_example_.getColumn(0).getString()),
                .doc_id = find_example_.getColumn(1).getInt64(),
                .doc_hash = find_example_.getColumn(2).getString()};
  find_example_.reset();
  return examples_.emplace(id, std::move(found)).first->second;
}

const std::string& OutcomeReader::arguments(std::int64_t id) {
  if (const auto known = arguments_.find(id); known != arguments_.end()) return known->second;
  find_arguments_.reset();
  find_arguments_.bind(1, id);
  if (!find_arguments_.executeStep()) {
    throw input_error("{}: the store is damaged: it has answers with arguments {}, but not these; restore it from a copy", file_.string(), id);
  }
  std::string found = find_arguments_.getColumn(0).getString();
  find_arguments_.reset();
  return arguments_.emplace(id, std::move(found)).first->second;
}

const std::shared_ptr<const Question>& OutcomeReader::question(Example& asked, std::int64_t arguments_id, std::string_view prompt_sha256) {
  if (!asked.question || asked.arguments_id != arguments_id || asked.question->prompt_sha256 != prompt_sha256) {
    asked.question =
        std::make_shared<const Question>(Question{leaves_[asked.leaf], asked.doc_id, asked.doc_hash, std::string(prompt_sha256), arguments(arguments_id)});
    asked.arguments_id = arguments_id;
  }
  return asked.question;
}

const SharedValues& OutcomeReader::values(std::string_view json) {
  if (const auto known = values_.find(json); known != values_.end()) return known->second;
  if (values_.size() >= kMaxValuesKept) values_.clear();
  std::string text(json);
  SharedValues parsed = number_map_from_json(text);
  return values_.emplace(std::move(text), std::move(parsed)).first->second;
}

std::size_t OutcomeReader::leaf_number(const std::string& name) {
  const auto known = std::ranges::find(leaves_, name);
  const auto number = static_cast<std::size_t>(known - leaves_.begin());
  if (known == leaves_.end()) leaves_.push_back(name);
  return number;
}

std::vector<std::size_t> OutcomeReader::ranks_of_leaves() const {
  std::vector<std::size_t> order(leaves_.size()), ranks(leaves_.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [this](std::size_t leaf) -> const std::string& { return leaves_[leaf]; });
  for (std::size_t rank = 0; rank < order.size(); ++rank) ranks[order[rank]] = rank;
  return ranks;
}

std::vector<Outcome> OutcomeReader::read(std::int64_t trial_id, const std::string& filter) {
  struct Place {
    std::size_t leaf;
    std::int64_t doc_id, answer_id;
    std::size_t row;
    auto operator<=>(const Place&) const = default;
  };
  std::vector<Outcome> rows;
  std::vector<Place> places;
  const std::string kept_filter = readable_text(filter);
  sqlite3_stmt* const find = find_answers_.get();
  sqlite3_reset(find);
  sqlite3_bind_int64(find, 1, trial_id);
  sqlite3_bind_text(find, 2, kept_filter.data(), static_cast<int>(kept_filter.size()), SQLITE_TRANSIENT);
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(find)) == SQLITE_ROW) {
    Example& asked = example(sqlite3_column_int64(find, 1));
    places.push_back({asked.leaf, asked.doc_id, sqlite3_column_int64(find, 0), rows.size()});
    rows.push_back({question(asked, sqlite3_column_int64(find, 3), text_in(find, 2)), values(text_in(find, 4))});
  }
  sqlite3_reset(find);
  if (code != SQLITE_DONE) throw SQLite::Exception(database_.getHandle(), code);
  const std::vector<std::size_t> ranks = ranks_of_leaves();
  for (Place& place : places) place.leaf = ranks[place.leaf];
  if (std::ranges::is_sorted(places)) return rows;
  std::ranges::sort(places);
  std::vector<Outcome> outcomes;
  outcomes.reserve(rows.size());
  for (const Place& place : places) outcomes.push_back(std::move(rows[place.row]));
  return outcomes;
}

}  // namespace winnow
