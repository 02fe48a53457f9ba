#include "results/outcome_reader.h"

#include <algorithm>
#include <compare>
#include <numeric>
#include <utility>

#include "harness/core/error.h"
#include "results/stored_values.h"

namespace winnow {
namespace {

constexpr std::size_t kMaxValuesKept = 4096;  // log-likelihoods differ from answer to answer

// A column that lives until the statement's next step.
std::string_view text_in(const SQLite::Column& column) { return {column.getText(""), static_cast<std::size_t>(column.getBytes())}; }

}  // namespace

// By the index on (trial, example, filter), so that no sorting of wide rows and no look-up of the same example again and again is SQLite's.
OutcomeReader::OutcomeReader(SQLite::Database& database, std::filesystem::path file)
    : file_(std::move(file)),
      find_answers_(database, "SELECT id, example_id, prompt_sha256, arguments_id, values_json FROM answers WHERE trial_id = ? AND filter = ?"),
      find_example_(database, "SELECT task, doc_id, doc_hash FROM examples WHERE id = ?"),
      find_arguments_(database, "SELECT sha256 FROM arguments WHERE id = ?") {}

OutcomeReader::Example& OutcomeReader::example(std::int64_t id) {
  if (const auto known = examples_.find(id); known != examples_.end()) return known->second;
  find_example_.reset();
  find_example_.bind(1, id);
  if (!find_example_.executeStep())
    throw input_error("{}: the store is damaged: it has answers to example {}, but not the example; restore it from a copy", file_.string(), id);
  const Example found{.leaf = leaf_number(find_example_.getColumn(0).getString()),
                      .doc_id = find_example_.getColumn(1).getInt64(),
                      .doc_hash = find_example_.getColumn(2).getString()};
  find_example_.reset();
  return examples_.emplace(id, found).first->second;
}

const SharedText& OutcomeReader::arguments(std::int64_t id) {
  if (const auto known = arguments_.find(id); known != arguments_.end()) return known->second;
  find_arguments_.reset();
  find_arguments_.bind(1, id);
  if (!find_arguments_.executeStep())
    throw input_error("{}: the store is damaged: it has answers with arguments {}, but not these; restore it from a copy", file_.string(), id);
  const SharedText found = find_arguments_.getColumn(0).getString();
  find_arguments_.reset();
  return arguments_.emplace(id, found).first->second;
}

const SharedValues& OutcomeReader::values(std::string_view json) {
  if (const auto known = values_.find(json); known != values_.end()) return known->second;
  if (values_.size() >= kMaxValuesKept) values_.clear();
  std::string text(json);
  SharedValues parsed = number_map_from_json(text);
  return values_.emplace(std::move(text), std::move(parsed)).first->second;
}

std::size_t OutcomeReader::leaf_number(const std::string& name) {
  const auto known = std::ranges::find(leaves_, name, &SharedText::text);
  const auto number = static_cast<std::size_t>(known - leaves_.begin());
  if (known == leaves_.end()) leaves_.emplace_back(name);
  return number;
}

std::vector<std::size_t> OutcomeReader::ranks_of_leaves() const {
  std::vector<std::size_t> order(leaves_.size()), ranks(leaves_.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [this](std::size_t leaf) -> const std::string& { return leaves_[leaf].text(); });
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
  find_answers_.reset();
  find_answers_.bind(1, trial_id);
  find_answers_.bind(2, readable_text(filter));
  while (find_answers_.executeStep()) {
    Example& asked = example(find_answers_.getColumn(1).getInt64());
    const SQLite::Column prompt = find_answers_.getColumn(2);
    if (asked.last_prompt_sha256.text() != text_in(prompt)) asked.last_prompt_sha256 = std::string(text_in(prompt));
    places.push_back({asked.leaf, asked.doc_id, find_answers_.getColumn(0).getInt64(), rows.size()});
    rows.push_back({leaves_[asked.leaf], asked.doc_id, asked.doc_hash, asked.last_prompt_sha256, arguments(find_answers_.getColumn(3).getInt64()),
                    values(text_in(find_answers_.getColumn(4)))});
  }
  find_answers_.reset();
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
