#include "tasks/shared/choice_task.h"

namespace winnow {
namespace {

// lm-eval's piqa, version 1: the two solutions after the goal.
ChoiceQuestion read(const ChoiceDocument& document) {
  return {.contexts = {fmt::format("Question: {}\nAnswer:", document.text("goal"))},
          .choices = {document.text("sol1"), document.text("sol2")},
          .gold = document.integer("label")};
}

const ChoiceForm kForm{
    .name = "piqa", .split = "valid", .pool_split = "valid", .draw = ChoiceForm::Draw::kOneMore, .norm = ChoiceForm::Norm::kCodePoints, .read = read};

const Registration<Task> kRegistration{{.name = kForm.name,
                                        .version = 1,
                                        .summary = "PIQA: which of two ways reaches a goal, 0 shots (acc, acc_norm)",
                                        .settings = choice_settings(kForm),
                                        .make = [](const Params& params) -> std::unique_ptr<Task> { return make_choice_task(kForm, params); }}};

}  // namespace
}  // namespace winnow
