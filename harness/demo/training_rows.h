#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "harness/api/dataset.h"
#include "harness/core/python_random.h"
#include "harness/text/tokenizer.h"

namespace winnow {

// What a layer on the way is to predict at a position in place of its id.
struct EarlyTarget {
  std::size_t position;
  std::int32_t id;
  float weight;
};

// A text as it is learned from: BOS, text, EOS, and what predicting each id counts (the first one's counts nothing).
struct TrainingDocument {
  std::vector<std::int32_t> ids;
  std::vector<float> weights;
  std::vector<EarlyTarget> early = {};  // by position; several may share one
};

struct TrainingSource {
  std::string name;
  double share = 0;  // of all tokens
  std::vector<TrainingDocument> documents;
};

// What the tokens of a task's prompt count beside those of its answer, and the letter of a multiple-choice question: one token, and all that is asked.
struct TaskWeights {
  float prompt = 0.2f, letter = 3;
};

// Of all tokens; they need not sum to 1.
struct SourceShares {
  double problems = 0.4, questions = 0.3, told = 0.05, letters = 0.05, prose = 0.2;
};

// The demo's own sets as its tasks ask them: worked problems of demo_gsm8k's train split; demo_mmlu's auxiliary_train, each question in two orders of its choices: as it
// is asked, told the right words before the choices, and once its choices alone with their letters recited; and demo_text's train split, as many of its texts to a document as `longest` ids hold. Where a letter is asked, the
// early targets are the words that have it. Prompts are those of the tasks themselves, without shots. Sources of share 0 are left out.
std::vector<TrainingSource> read_demo_sources(DatasetSource& datasets, const Tokenizer& tokenizer, const TaskWeights& weights, const SourceShares& shares,
                                              std::size_t longest);

// One row of `length` predictions: documents laid end to end, padded where the next does not fit.
struct TrainingRow {
  std::vector<std::int32_t> ids;  // length + 1
  std::vector<float> weights;     // of predicting ids[i], i ≥ 1; weights[0] counts nothing
  std::vector<EarlyTarget> early = {};
};

// Rows without end: sources take turns so that each has its share of the tokens, every source in a new order each time round, all fixed by the
// seed. Documents longer than a row are an error of the caller's.
class TrainingRows {
 public:
  TrainingRows(const std::vector<TrainingSource>& sources, std::int64_t length, std::uint64_t seed);
  TrainingRow next();

 private:
  struct Turn {
    const TrainingSource* source;
    std::vector<std::size_t> order;
    std::size_t position = 0;
    double tokens = 0;
  };
  const TrainingDocument& draw();
  void place(const TrainingDocument& document);

  std::vector<Turn> turns_;
  std::size_t length_;
  PythonRandom random_;
  std::deque<TrainingRow> open_;  // rows with room, the oldest first
};

}  // namespace winnow
