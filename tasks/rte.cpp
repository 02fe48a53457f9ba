#include "tasks/shared/choice_task.h"

namespace winnow {
namespace {

// lm-eval's rte, version 1: entailment is " True", not_entailment " False".
ChoiceQuestion read(const ChoiceDocument& document) {
  return {.contexts = {fmt::format("{}\nQuestion: {} True or False?\nAnswer:", document.text("sentence1"), document.text("sentence2"))},
          .choices = {"True", "False"},
          .gold = document.integer("label")};
}

const ChoiceForm kForm{.name = "rte", .split = "val", .pool_split = "val", .draw = ChoiceForm::Draw::kOneMore, .read = read};

const Registration<Task> kRegistration{{.name = kForm.name,
                                        .version = 1,
                                        .summary = "RTE: does one sentence follow from another, 0 shots (acc)",
                                        .settings = choice_settings(kForm),
                                        .make = [](const Params& params) -> std::unique_ptr<Task> { return make_choice_task(kForm, params); }}};

}  // namespace
}  // namespace winnow
