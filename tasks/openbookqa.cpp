#include "tasks/shared/choice_task.h"

namespace winnow {
namespace {

// lm-eval's openbookqa, version 1: the choices' texts after the bare stem.
ChoiceQuestion read(const ChoiceDocument& document) { return document.labelled_choices(document.text("question_stem")); }

const ChoiceForm kForm{.name = "openbookqa", .split = "test", .pool_split = "dev", .norm = ChoiceForm::Norm::kCodePoints, .read = read};

const Registration<Task> kRegistration{{.name = kForm.name,
                                        .version = 1,
                                        .summary = "OpenBookQA: elementary science questions with four choices, 0 shots (acc, acc_norm)",
                                        .settings = choice_settings(kForm),
                                        .make = [](const Params& params) -> std::unique_ptr<Task> { return make_choice_task(kForm, params); }}};

}  // namespace
}  // namespace winnow
