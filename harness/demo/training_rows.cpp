#include "harness/demo/training_rows.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "harness/api/task.h"
#include "harness/core/error.h"

namespace winnow {
namespace {

constexpr std::size_t kOpenRows = 24;

TrainingDocument document_of(const Tokenizer& tokenizer, const std::string& prompt, const std::string& answer) {
  TrainingDocument document{.ids = tokenizer.encode(prompt + answer, Tokenizer::Special::kNone)};
  document.prompt = 1 + tokenizer.encode(prompt, Tokenizer::Special::kNone).size();
  document.ids.insert(document.ids.begin(), tokenizer.bos_id().value());
  document.ids.push_back(tokenizer.eos_id().value());
  WINNOW_CHECK(document.prompt < document.ids.size());
  return document;
}

// The right choice is written out before its letter: which words are right, and which letter they have, are learned apart and sooner than both in one step.
TrainingDocument in_words(const Tokenizer& tokenizer, const Example& example, const ScoreRequest& right) {
  constexpr std::string_view kAsked = "\nAnswer:";
  WINNOW_CHECK(right.context.ends_with(kAsked));
  const Json row = Json::parse(example.record.doc_json);
  const std::string words = row.at("choices").at(static_cast<std::size_t>(example.record.gold.value()));
  return document_of(tokenizer, right.context.substr(0, right.context.size() - kAsked.size()) + "\nIn words:", " " + words + std::string(kAsked) + right.continuation);
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
      source.documents.push_back(document_of(tokenizer, generate->context, " " + example.record.target));
      source.documents.back().prompt_weight = weights.prompt;
      continue;
    }
    const auto& right = std::get<ScoreRequest>(example.requests.at(static_cast<std::size_t>(example.record.gold.value())));
    for (TrainingDocument& document : std::array{document_of(tokenizer, right.context, right.continuation), in_words(tokenizer, example, right)}) {
      document.prompt_weight = weights.prompt;
      document.last_weight = weights.letter;
      source.documents.push_back(std::move(document));
    }
  }
  return source;
}

TrainingSource prose(DatasetSource& datasets, const Tokenizer& tokenizer, double share) {
  TrainingSource source{.name = "demo_text", .share = share, .documents = {}};
  for (const OrderedJson& row : datasets.read({"demo_text", "train"}).rows)
    source.documents.push_back(document_of(tokenizer, "", row.at("text").get<std::string>()));
  return source;
}

}  // namespace

std::vector<TrainingSource> read_demo_sources(DatasetSource& datasets, const Tokenizer& tokenizer, const TaskWeights& weights) {
  std::vector<TrainingSource> sources;
  sources.push_back(solved_examples(datasets, tokenizer, "gsm8k", 0.45, {{"dataset", "demo_gsm8k"}, {"split", "train"}, {"shots", 0}}, weights));
  sources.push_back(solved_examples(datasets, tokenizer, "mmlu", 0.4, {{"dataset", "demo_mmlu"}, {"split", "auxiliary_train"}, {"shots", 0}}, weights));
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
  for (std::size_t i = 0; i < document.ids.size(); ++i) {
    best->ids.push_back(document.ids[i]);
    best->weights.push_back(i == 0 ? 0 : i < document.prompt ? document.prompt_weight : i + 2 == document.ids.size() ? document.last_weight : 1);
  }
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
