#include "harness/demo/training_rows.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "harness/api/task.h"
#include "harness/core/error.h"

namespace winnow {
namespace {

constexpr std::size_t kOpenRows = 24;
constexpr int kOrders = 2;  // of a question's choices

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

  // What a layer on the way is to predict where the text so far ends: these pieces, which share the weight.
  DocumentWriter& expect_early(const std::set<std::int32_t>& pieces, float weight) {
    const std::size_t position = weights_.size() + 1;  // BOS comes first
    for (const std::int32_t piece : pieces) early_.push_back({position, piece, weight / static_cast<float>(pieces.size())});
    return *this;
  }

  TrainingDocument finish() const {
    TrainingDocument document{.ids = tokenizer_.encode(text_, Tokenizer::Special::kNone), .weights = weights_, .early = early_};
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
  std::vector<EarlyTarget> early_;
};

const std::string kAsked = "\nAnswer:", kInWords = "\nIn words:";

// A lettered question, taken apart again.
struct Lettered {
  explicit Lettered(const Example& example)
      : gold(static_cast<std::size_t>(example.record.gold.value())),
        choices(Json::parse(example.record.doc_json).at("choices").get<std::vector<std::string>>()) {
    for (const Request& request : example.requests) letters.push_back(std::get<ScoreRequest>(request).continuation);
    const std::string& prompt = std::get<ScoreRequest>(example.requests.front()).context;
    const std::size_t begin = prompt.rfind("\nA. ");
    WINNOW_CHECK(begin != std::string::npos && prompt == prompt.substr(0, begin) + lines() + kAsked);
    question = prompt.substr(0, begin);
  }

  std::string lines() const {
    std::string text;
    for (std::size_t i = 0; i < choices.size(); ++i) text += "\n" + letters[i].substr(1) + ". " + choices[i];
    return text;
  }
  const std::string& right_words() const { return choices.at(gold); }
  const std::string& right_letter() const { return letters.at(gold); }
  // The same question with its choices in another order, so that its letter cannot be learned by heart.
  Lettered in_order(PythonRandom& random) const {
    Lettered other = *this;
    const std::vector<std::size_t> order = random.sample(choices.size(), choices.size());
    for (std::size_t i = 0; i < order.size(); ++i) other.choices[i] = choices[order[i]];
    other.gold = static_cast<std::size_t>(std::ranges::find(order, gold) - order.begin());
    return other;
  }

  std::size_t gold;
  std::string question;  // what stands before the choices
  std::vector<std::string> choices, letters;
};

// The pieces by which a choice's words are told from the others': those that not all choices have.
std::set<std::int32_t> telling_pieces(const Tokenizer& tokenizer, const Lettered& question, std::size_t choice) {
  std::vector<std::set<std::int32_t>> pieces;  // of each choice
  for (const std::string& words : question.choices) {
    const std::vector<std::int32_t> ids = tokenizer.encode(words, Tokenizer::Special::kNone);
    pieces.emplace_back(ids.begin(), ids.end());
  }
  std::set<std::int32_t> telling = pieces[choice];
  std::erase_if(telling, [&](std::int32_t piece) { return std::ranges::all_of(pieces, [&](const auto& others) { return others.contains(piece); }); });
  return telling;
}

TrainingDocument asked(const Tokenizer& tokenizer, const Lettered& question, const TaskWeights& weights) {
  DocumentWriter document(tokenizer);
  document.add(question.question + question.lines() + kAsked, weights.prompt).expect_early(telling_pieces(tokenizer, question, question.gold), weights.letter);
  return document.add(question.right_letter(), weights.letter).finish();
}

// With the right words before the choices: the letter is then a matter of finding them, and what remains for the question as it is asked is to know them.
TrainingDocument told(const Tokenizer& tokenizer, const Lettered& question, const TaskWeights& weights) {
  DocumentWriter document(tokenizer);
  document.add(question.question + kInWords, weights.prompt).add(" " + question.right_words(), 1).add(question.lines() + kAsked, weights.prompt);
  return document.expect_early(telling_pieces(tokenizer, question, question.gold), weights.letter).add(question.right_letter(), weights.letter).finish();
}

// The choices, then each with its letter, in an order that tells no letter. A layer on the way holds the words as it does where they are the answer, so that
// looking up their letter is learned once.
TrainingDocument recited(const Tokenizer& tokenizer, const Lettered& question, PythonRandom& random, const TaskWeights& weights) {
  DocumentWriter document(tokenizer);
  document.add(question.lines() + "\nLetters:", weights.prompt);
  for (const std::size_t choice : random.sample(question.choices.size(), question.choices.size())) {
    document.add(" " + question.choices[choice], weights.prompt).expect_early(telling_pieces(tokenizer, question, choice), weights.letter);
    document.add(question.letters[choice], weights.letter).add(",", weights.prompt);
  }
  return document.finish();
}

using TakeExample = std::function<void(const Example& example)>;
void for_each_example(DatasetSource& datasets, const std::string& name, const Json& settings, const TakeExample& take) {
  const std::unique_ptr<Task> task = Registry<Task>::instance().make(name, settings);
  const ExampleList examples = task->examples({.datasets = &datasets});
  for (std::size_t i = 0; i < examples.count; ++i) take(examples.make(i));
}

// Several texts make one document, as they do where perplexity is taken and where calibration sequences are cut.
TrainingSource prose(DatasetSource& datasets, const Tokenizer& tokenizer, double share, std::size_t longest) {
  TrainingSource source{.name = "prose", .share = share, .documents = {}};
  std::string text;
  TrainingDocument document;
  for (const OrderedJson& row : datasets.read({"demo_text", "train"}).rows) {
    const std::string more = row.at("text").get<std::string>(), both = text + (text.empty() ? "" : "\n\n") + more;
    TrainingDocument longer = DocumentWriter(tokenizer).add(both, 1).finish();
    const bool fits = longer.ids.size() <= longest;
    if (!fits && !text.empty()) source.documents.push_back(std::move(document));
    document = fits ? std::move(longer) : DocumentWriter(tokenizer).add(more, 1).finish();
    text = fits ? both : more;
  }
  if (!text.empty()) source.documents.push_back(std::move(document));
  return source;
}

}  // namespace

std::vector<TrainingSource> read_demo_sources(DatasetSource& datasets, const Tokenizer& tokenizer, const TaskWeights& weights, const SourceShares& shares,
                                              std::size_t longest) {
  TrainingSource problems{.name = "problems", .share = shares.problems, .documents = {}};
  for_each_example(datasets, "gsm8k", {{"dataset", "demo_gsm8k"}, {"split", "train"}, {"shots", 0}}, [&](const Example& example) {
    const std::string& prompt = std::get<GenerateRequest>(example.requests.front()).context;
    problems.documents.push_back(DocumentWriter(tokenizer).add(prompt, weights.prompt).add(" " + example.record.target, 1).finish());
  });
  TrainingSource questions{.name = "questions", .share = shares.questions, .documents = {}};
  TrainingSource told_words{.name = "told", .share = shares.told, .documents = {}};
  TrainingSource letters{.name = "letters", .share = shares.letters, .documents = {}};
  PythonRandom random(1);
  for_each_example(datasets, "mmlu", {{"dataset", "demo_mmlu"}, {"split", "auxiliary_train"}, {"shots", 0}}, [&](const Example& example) {
    const Lettered question(example);
    for (int i = 0; i < kOrders; ++i) {
      questions.documents.push_back(asked(tokenizer, question.in_order(random), weights));
      told_words.documents.push_back(told(tokenizer, question.in_order(random), weights));
    }
    letters.documents.push_back(recited(tokenizer, question, random, weights));
  });
  std::vector<TrainingSource> sources = {std::move(problems), std::move(questions), std::move(told_words), std::move(letters),
                                         prose(datasets, tokenizer, shares.prose, longest)};
  std::erase_if(sources, [](const TrainingSource& source) { return source.share == 0; });
  if (sources.empty()) throw usage_error("all shares are 0; give at least one source of text a share");
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
  const std::size_t before = best->ids.size();
  best->ids.insert(best->ids.end(), document.ids.begin(), document.ids.end());
  best->weights.insert(best->weights.end(), document.weights.begin(), document.weights.end());
  for (const EarlyTarget& target : document.early) best->early.push_back({before + target.position, target.id, target.weight});
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
