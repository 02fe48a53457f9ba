#include "tasks/shared/choice_task.h"

namespace winnow {
namespace {

// lm-eval's boolq, version 2: " no" and " yes" after passage and question.
ChoiceQuestion read(const ChoiceDocument& document) {
  return {.contexts = {fmt::format("{}\nQuestion: {}?\nAnswer:", document.text("passage"), document.text("question"))},
          .choices = {"no", "yes"},
          .gold = document.integer("label")};
}

const ChoiceForm kForm{
    .name = "boolq", .split = "val", .pool_split = "val", .draw = ChoiceForm::Draw::kOneMore, .old_order = ChoiceForm::OldOrder::kReversed, .read = read};

const Registration<Task> kRegistration{{.name = kForm.name,
                                        .version = 2,
                                        .summary = "BoolQ: yes-or-no questions about a passage, 0 shots (acc)",
                                        .settings = choice_settings(kForm),
                                        .make = [](const Params& params) -> std::unique_ptr<Task> { return make_choice_task(kForm, params); }}};

}  // namespace
}  // namespace winnow
