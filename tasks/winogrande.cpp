#include "harness/core/unicode.h"
#include "tasks/shared/choice_task.h"

namespace winnow {
namespace {

// lm-eval's winogrande, version 1: each option stands in a context of its own, and what follows the gap is scored after both. A shot is the right sentence.
ChoiceQuestion read(const ChoiceDocument& document) {
  const std::string& sentence = document.text("sentence");
  const std::size_t gap = sentence.find('_');
  if (gap == std::string::npos) throw document.other_format("sentence", "gap '_' in");
  const std::string& answer = document.text("answer");
  if (answer != "1" && answer != "2") throw document.other_format("answer", "1 or 2 as");
  const std::string before = sentence.substr(0, gap), rest(strip(std::string_view(sentence).substr(gap + 1)));
  return {.contexts = {before + document.text("option1"), before + document.text("option2")},
          .choices = {rest, rest},
          .gold = answer == "1" ? 0 : 1,
          .target = rest};
}

const ChoiceForm kForm{.name = "winogrande", .split = "dev", .pool_split = "dev", .draw = ChoiceForm::Draw::kOneMore, .read = read};

const Registration<Task> kRegistration{{.name = kForm.name,
                                        .version = 1,
                                        .summary = "WinoGrande: which of two words fills the gap, by the likelihood of what follows, 0 shots (acc)",
                                        .settings = choice_settings(kForm),
                                        .make = [](const Params& params) -> std::unique_ptr<Task> { return make_choice_task(kForm, params); }}};

}  // namespace
}  // namespace winnow
