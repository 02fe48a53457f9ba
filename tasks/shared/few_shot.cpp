#include "tasks/shared/few_shot.h"

#include <numeric>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/python_random.h"

namespace winnow {
namespace {

void check_pool(std::size_t pool_rows, std::string_view pool_name, std::size_t shots) {
  if (shots > pool_rows) throw input_error("{} shots are asked for, but {} has {} rows to take them from; lower \"shots\"", shots, pool_name, pool_rows);
}

Shots draw_around(PythonRandom& random, const ShotPool& pool, const OrderedJson& document, std::size_t shots) {
  const std::vector<OrderedJson>& rows = *pool.rows;
  if (shots + 1 > rows.size()) {
    throw input_error("{} shots are asked for and one more is drawn, but {} has {} rows to take them from; lower \"shots\"", shots, pool.name, rows.size());
  }
  Shots drawn;
  for (const std::size_t row : random.sample(rows.size(), shots + 1)) {
    if (drawn.size() < shots && rows[row] != document) drawn.push_back(static_cast<std::int64_t>(row));
  }
  if (drawn.size() == shots || pool.when_short == ShotPool::WhenShort::kKeepFewer) return drawn;
  // Duplicates of the document were drawn: again, from the pool without them.
  Shots others;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (rows[row] != document) others.push_back(static_cast<std::int64_t>(row));
  }
  check_pool(others.size(), pool.name + " without the evaluated document", shots);
  drawn.clear();
  for (const std::size_t index : random.sample(others.size(), shots)) drawn.push_back(others[index]);
  return drawn;
}

}  // namespace

std::vector<Shots> draw_shots(const ShotPool& pool, const std::vector<OrderedJson>& documents, std::size_t document_count, std::size_t shots,
                              std::uint64_t seed) {
  check_pool(pool.rows->size(), pool.name, shots);
  PythonRandom random(seed);
  std::vector<Shots> draws;
  for (std::size_t document = 0; document < document_count; ++document) {
    if (pool.holds_evaluated) {
      draws.push_back(draw_around(random, pool, documents.at(document), shots));
    } else {
      const std::vector<std::size_t> rows = random.sample(pool.rows->size(), shots);
      draws.emplace_back(rows.begin(), rows.end());
    }
  }
  return draws;
}

ShuffledDraws shuffle_and_draw(std::size_t documents, std::size_t document_count, std::size_t pool_rows, std::string_view pool_name, std::size_t shots) {
  check_pool(pool_rows, pool_name, shots);
  PythonRandom random(42);
  ShuffledDraws draws;
  draws.documents.resize(documents);
  std::iota(draws.documents.begin(), draws.documents.end(), std::size_t{0});
  for (std::size_t i = documents; i-- > 1;) std::swap(draws.documents[i], draws.documents[random.below(i + 1)]);
  draws.documents.resize(document_count);
  for (std::size_t document = 0; document < document_count; ++document) {
    const std::vector<std::size_t> rows = random.sample(pool_rows, shots);
    draws.shots.emplace_back(rows.begin(), rows.end());
  }
  return draws;
}

Shots first_shots(std::size_t pool_rows, std::string_view pool_name, std::size_t shots) {
  check_pool(pool_rows, pool_name, shots);
  Shots first;
  for (std::size_t row = 0; row < shots; ++row) first.push_back(static_cast<std::int64_t>(row));
  return first;
}

std::string assemble_prompt(std::string_view description, const std::vector<SolvedExample>& shots, std::string_view question) {
  std::string prompt(description);
  for (const SolvedExample& shot : shots) {
    prompt += shot.question;
    if (!shot.target) continue;
    prompt += ' ';
    prompt += *shot.target;
    prompt += "\n\n";
  }
  prompt += question;
  return prompt;
}

}  // namespace winnow
