#include "harness/demo/training_rows.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "harness/api/task.h"
#include "harness/core/error.h"

namespace winnow {
namespace {

constexpr std::size_t kOpenRows = 24;

// Puts a document together from parts that count differently. A part begins where the text before it is a whole number of pieces.
class DocumentWriter {
 public:
  explicit DocumentWriter(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  DocumentWriter& add(const std::string& part, float weight) {
    text_ += part;
    const std::vector<std::int32_t> ids = tokenizer_.encode(text_, Tokenizer::Special::kNone);
    weights_.resize(ids.size(), weight);
    return *this;
  }

  TrainingDocument finish() const {
    TrainingDocument document{.ids = tokenizer_.encode(text_, Tokenizer::Special::kNone), .weights = weights_};
    document.ids.insert(document.ids.begin(), tokenizer_.bos_id().value());
    document.weights.insert(document.weights.begin(), 0);
    document.ids.push_back(tokenizer_.eos_id().value());
    document.weights.push_back(1);
    return document;
  }

 private:
  const Tokenizer& tokenizer_;
  std::string text_;
  std::vector<float> weights_;
};

// A question in three forms. Which words are right, and which letter words have, are learned apart and sooner than both in one step.
std::vector<TrainingDocument> lettered(const Tokenizer& tokenizer, const Example& example, const TaskWeights& weights) {
  static const std::string kAsked = "\nAnswer:";
  const auto gold = static_cast<std::size_t>(example.record.gold.value());
  const std::string& asked = std::get<ScoreRequest>(example.requests.front()).context;
  WINNOW_CHECK(asked.ends_with(kAsked));
  const std::string question = asked.substr(0, asked.size() - kAsked.size());
  const auto letter = [&](std::size_t choice) { return std::get<ScoreRequest>(example.requests.at(choice)).continuation; };
  const std::vector<std::string> choices = Json::parse(example.record.doc_json).at("choices");

  DocumentWriter plain(tokenizer), in_words(tokenizer), recited(tokenizer);
  plain.add(asked, weights.prompt).add(letter(gold), weights.letter);
  in_words.add(question + "\nIn words:", weights.prompt).add(" " + choices.at(gold), 1).add(letter(gold), weights.letter);
  in_words.add(kAsked, weights.prompt).add(letter(gold), weights.letter);
  recited.add(question + "\nLetters:", weights.prompt);
  // In an order that tells no letter, each right after its words: one step of looking up.
  for (const std::size_t choice : PythonRandom(static_cast<std::uint64_t>(example.record.doc_id)).sample(choices.size(), choices.size())) {
    recited.add(" " + choices[choice], weights.prompt).add(letter(choice), weights.letter).add(",", weights.prompt);
  }
  return {plain.finish(), in_words.finish(), recited.finish()};
}

// What a task asks about one split, with the right answer.
TrainingSource solved_examples(DatasetSource& datasets, const Tokenizer& tokenizer, const std::string& name, double share, const Json& settings,
                               const TaskWeights& weights) {
  TrainingSource source{.name = settings["dataset"], .share = share, .documents = {}};
  const std::unique_ptr<Task> task = Registry<Task>::instance().make(name, settings);
  const ExampleList examples = task->examples({.datasets = &datasets});
  for (std::size_t i = 0; i < examples.count; ++i) {
    const Example example = examples.make(i);
    if (const auto* generate = std::get_if<GenerateRequest>(&example.requests.front())) {
      source.documents.push_back(DocumentWriter(tokenizer).add(generate->context, weights.prompt).add(" " + example.record.target, 1).finish());
    } else {
      for (TrainingDocument& document : lettered(tokenizer, example, weights)) source.documents.push_back(std::move(document));
    }
  }
  return source;
}

TrainingSource prose(DatasetSource& datasets, const Tokenizer& tokenizer, double share) {
  TrainingSource source{.name = "demo_text", .share = share, .documents = {}};
  for (const OrderedJson& row : datasets.read({"demo_text", "train"}).rows)
    source.documents.push_back(DocumentWriter(tokenizer).add(row.at("text").get<std::string>(), 1).finish());
  return source;
}

}  // namespace

std::vector<TrainingSource> read_demo_sources(DatasetSource& datasets, const Tokenizer& tokenizer, const TaskWeights& weights) {
  std::vector<TrainingSource> sources;
  sources.push_back(solved_examples(datasets, tokenizer, "gsm8k", 0.4, {{"dataset", "demo_gsm8k"}, {"split", "train"}, {"shots", 0}}, weights));
  sources.push_back(solved_examples(datasets, tokenizer, "mmlu", 0.45, {{"dataset", "demo_mmlu"}, {"split", "auxiliary_train"}, {"shots", 0}}, weights));
  sources.push_back(prose(datasets, tokenizer, 0.15));
  return sources;
}

TrainingRows::TrainingRows(const std::vector<TrainingSource>& sources, std::int64_t length, std::uint64_t seed)
    : length_(static_cast<std::size_t>(length)), random_(seed) {
  for (const TrainingSource& source : sources) {
    WINNOW_CHECK(!source.documents.empty() && source.share > 0);
    for (const TrainingDocument& document : source.documents) WINNOW_CHECK(document.ids.size() <= length_ + 1);
    turns_.push_back({.source = &source, .order = {}});
  }
}

const TrainingDocument& TrainingRows::draw() {
  const auto behind = [](const Turn& turn) { return turn.tokens / turn.source->share; };
  Turn& turn = *std::ranges::min_element(turns_, {}, behind);
  if (turn.position == turn.order.size()) {
    turn.order.resize(turn.source->documents.size());
    std::iota(turn.order.begin(), turn.order.end(), std::size_t{0});
    for (std::size_t i = turn.order.size(); i > 1; --i) std::swap(turn.order[i - 1], turn.order[random_.below(i)]);
    turn.position = 0;
  }
  const TrainingDocument& document = turn.source->documents[turn.order[turn.position++]];
  turn.tokens += static_cast<double>(document.ids.size());
  return document;
}

// Into the fullest open row that has room, so that little is padded.
void TrainingRows::place(const TrainingDocument& document) {
  TrainingRow* best = nullptr;
  for (TrainingRow& row : open_) {
    if (row.ids.size() + document.ids.size() <= length_ + 1 && (best == nullptr || row.ids.size() > best->ids.size())) best = &row;
  }
  if (best == nullptr) best = &open_.emplace_back();
  best->ids.insert(best->ids.end(), document.ids.begin(), document.ids.end());
  best->weights.insert(best->weights.end(), document.weights.begin(), document.weights.end());
}

TrainingRow TrainingRows::next() {
  while (open_.size() <= kOpenRows) place(draw());
  const auto fullest = std::ranges::max_element(open_, {}, [](const TrainingRow& row) { return row.ids.size(); });
  TrainingRow row = std::move(*fullest);
  open_.erase(fullest);
  const std::int32_t padding = row.ids.back();
  row.ids.resize(length_ + 1, padding);
  row.weights.resize(length_ + 1, 0);
  return row;
}

}  // namespace winnow
