#include "tasks/shared/answer_filters.h"
#include "tasks/shared/gsm8k_task.h"

namespace winnow {
namespace {

// lm-eval's gsm8k_cot_zeroshot, version 3. Its file says 0 shots, which a command line there cannot change.
const Gsm8kForm kForm{.name = "gsm8k_cot_zeroshot",
                      .before_question = "Q: ",
                      .after_question = "\nA: Let's think step by step.",
                      .until = {"Q:", "</s>", "<|im_end|>"},
                      .extract_strict = extract_after_the_answer_is};

const Registration<Task> kRegistration{{.name = "gsm8k_cot_zeroshot",
                                        .version = 3,
                                        .summary = "GSM8K word problems without shots, \"Let's think step by step.\" (exact_match)",
                                        .settings = gsm8k_settings(kForm, {.shots = 0, .most_shots = 0, .split = "test", .dataset = "gsm8k"}),
                                        .make = [](const Params& params) { return make_gsm8k_task(kForm, params); }}};

}  // namespace
}  // namespace winnow
