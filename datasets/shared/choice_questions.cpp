#include "datasets/shared/choice_questions.h"

#include <algorithm>

namespace winnow {
namespace {

OrderedJson choices_of(const Place& place, const JsonLine& question) {
  const OrderedJson& list = question.at("choices");
  if (!list.is_array() || list.size() < 2) throw input_error("{}: \"choices\" is no list of two or more choices", place.text());
  OrderedJson choices = {{"text", OrderedJson::array()}, {"label", OrderedJson::array()}};
  for (const OrderedJson& item : list) {
    if (!item.is_object()) throw input_error("{}: \"choices\" holds a value that is no object; expected {{\"text\", \"label\"}}", place.text());
    const JsonLine choice(place, item);
    const std::string label = choice.filled_text("label");
    if (std::find(choices["label"].begin(), choices["label"].end(), label) != choices["label"].end()) {
      throw input_error("{}: two choices are labelled '{}'", place.text(), shown(label));
    }
    choices["text"].push_back(choice.text("text"));
    choices["label"].push_back(label);
  }
  return choices;
}

}  // namespace

std::vector<OrderedJson> read_choice_questions(const std::string& path, std::string_view bytes, const std::string& question_key) {
  return read_jsonl(path, bytes, [&](const JsonLine& line) {
    const OrderedJson& given = line.at("question");
    if (!given.is_object()) throw input_error("{}: \"question\" is no object; expected {{\"stem\", \"choices\"}}", line.place().text());
    const JsonLine question(line.place(), given);
    OrderedJson row;
    row["id"] = line.text("id");
    row[question_key] = question.filled_text("stem");
    row["choices"] = choices_of(line.place(), question);
    const std::string key = line.text("answerKey");
    const OrderedJson& labels = row["choices"]["label"];
    if (std::find(labels.begin(), labels.end(), key) == labels.end()) {
      throw input_error("{}: \"answerKey\" is '{}'; expected one of the labels {}", line.place().text(), shown(key), shown(labels.dump()));
    }
    row["answerKey"] = key;
    return row;
  });
}

}  // namespace winnow
