#include "harness/core/unicode.h"
#include "tasks/shared/choice_task.h"
#include "tasks/shared/hellaswag_text.h"

namespace winnow {
namespace {

std::int64_t gold_of(const ChoiceDocument& row) {
  const std::string& label = row.text("label");
  if (label.size() != 1 || label[0] < '0' || label[0] > '9') throw row.other_format("label", "index of an ending as");
  return label[0] - '0';
}

// lm-eval's document: the row, then the query, choices and gold made of it.
OrderedJson prepare(const OrderedJson& row, std::string_view dataset) {
  const ChoiceDocument given(row, dataset);
  OrderedJson document = row;
  const std::string context = given.text("ctx_a") + " " + capitalize(given.text("ctx_b"));
  document["query"] = clean_hellaswag_text(given.text("activity_label") + ": " + context);
  std::vector<std::string> choices;
  for (const std::string& ending : given.texts("endings")) choices.push_back(clean_hellaswag_text(ending));
  document["choices"] = choices;
  document["gold"] = gold_of(given);
  return document;
}

// lm-eval's hellaswag, version 1: the cleaned endings after activity and context.
ChoiceQuestion read(const ChoiceDocument& document) {
  return {.contexts = {document.text("query")}, .choices = document.texts("choices"), .gold = document.integer("gold")};
}

const ChoiceForm kForm{.name = "hellaswag",
                       .split = "val",
                       .pool_split = "val",
                       .draw = ChoiceForm::Draw::kOneMore,
                       .norm = ChoiceForm::Norm::kCodePoints,
                       .read = read,
                       .prepare = prepare};

const Registration<Task> kRegistration{{.name = kForm.name,
                                        .version = 1,
                                        .summary = "HellaSwag: which of four endings follows, 0 shots (acc, acc_norm)",
                                        .settings = choice_settings(kForm),
                                        .make = [](const Params& params) -> std::unique_ptr<Task> { return make_choice_task(kForm, params); }}};

}  // namespace
}  // namespace winnow
