#include "tasks/shared/choice_task.h"

namespace winnow {
namespace {

// lm-eval's arc_easy, version 1: the choices' texts after the question.
ChoiceQuestion read(const ChoiceDocument& document) { return document.labelled_choices(fmt::format("Question: {}\nAnswer:", document.text("question"))); }

const ChoiceForm kForm{.name = "arc_easy", .split = "test", .pool_split = "dev", .norm = ChoiceForm::Norm::kCodePoints, .read = read};

const Registration<Task> kRegistration{{.name = kForm.name,
                                        .version = 1,
                                        .summary = "ARC-Easy: science questions with 3 to 5 choices, 0 shots (acc, acc_norm)",
                                        .settings = choice_settings(kForm),
                                        .make = [](const Params& params) -> std::unique_ptr<Task> { return make_choice_task(kForm, params); }}};

}  // namespace
}  // namespace winnow
